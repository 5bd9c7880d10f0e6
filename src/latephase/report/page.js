// Nothing here is needed to read the page: it marks where one is, and opens all details at once.
const links = new Map(
  [...document.querySelectorAll("nav.side a")].map((link) => [link.hash.slice(1), link]));
const places = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean)
  .sort((one, other) => (one.compareDocumentPosition(other) & 4 ? -1 : 1));
let current = null;
function mark() {
  const height = innerHeight / 3;
  const end = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
  const passed = end ? [...places]
    : places.filter((place) => place.getBoundingClientRect().top < height);
  const link = links.get((passed.pop() ?? places[0]).id);
  if (link === current) return;
  current?.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  current = link;
  const list = link.closest("nav");
  const box = link.getBoundingClientRect();
  const frame = list.getBoundingClientRect();
  if (box.top < frame.top || box.bottom > frame.bottom) list.scrollTop += box.top - frame.top - 80;
}
addEventListener("scroll", mark, { passive: true });
mark();

const details = [...document.querySelectorAll("main details")];
if (details.length > 1) {
  const button = document.createElement("button");
  let open = false;
  const name = () => { button.textContent = open ? "Close all details" : "Open all details"; };
  button.type = "button";
  button.addEventListener("click", () => {
    open = !open;
    details.forEach((one) => { one.open = open; });
    name();
  });
  name();
  document.querySelector("nav.side").append(button);
}
