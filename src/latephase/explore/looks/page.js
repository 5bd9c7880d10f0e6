// The controls of the page: what is done here is sent as one small message, what comes back is shown.
// Nothing is computed on this side.

const $ = (id) => document.getElementById(id);
const MINUS = "\u2212";
const INITIALIZERS = ["he_normal", "he_uniform", "xavier_normal", "xavier_uniform", "lecun_normal", "pytorch_default",
  "standard_normal", "uniform", "small_normal", "large_normal"];

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export function render({ model }) {
  let kept = false; // whether the message stays until something is done
  const send = (message) => { if (!("open" in message)) kept = false; model.send_msg(message); };
  let settings = null;
  let shape = "";
  let presets = [];

  // A value that is being typed or dragged is left alone. Of long numbers there is room for three digits:
  // all of them are in the title, and in the field once it has the focus.
  function put(input, value) {
    if (document.activeElement === input && input.dataset.typing) return;
    const text = String(value);
    if (input.type === "checkbox") { input.checked = value; return; }
    if (input.type === "number") input.title = input.dataset.all = text;
    const told = input.type === "number" && document.activeElement !== input ? brief(text) : text;
    if (input.value !== told) input.value = told;
  }

  const brief = (text) => (text.length > 6 ? String(Number(Number(text).toPrecision(3))) : text);

  function whole(input) {
    input.addEventListener("focus", () => { if (input.dataset.all) input.value = input.dataset.all; });
    input.addEventListener("blur", () => { if (input.dataset.all) input.value = brief(input.dataset.all); });
  }

  function once(input, told) {
    input.addEventListener("input", () => { input.dataset.typing = "1"; });
    input.addEventListener("change", () => { delete input.dataset.typing; if (input.type === "number") input.dataset.all = input.value; told(input); });
    input.addEventListener("blur", () => { delete input.dataset.typing; });
    if (input.type === "number") whole(input);
  }

  // Many values of a slider a second: the newest is sent once a frame.
  function often(input, told) {
    let waiting = false;
    input.addEventListener("input", () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; told(input); });
    });
  }

  function number(text) {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value)) { fail(`expected a number, got "${text}"; write for example 0.5`); return null; }
    return value;
  }

  function fail(line) {
    const box = $("error");
    box.hidden = !line;
    box.firstElementChild.textContent = line || "";
  }

  let slow = null;
  function busy(is) {
    clearTimeout(slow);
    if (is) slow = setTimeout(() => say("computing \u2026", true), 180);
    else if ($("status").classList.contains("busy")) say("");
  }

  let said = null;
  function say(line, working = false) {
    const place = $("status");
    clearTimeout(said);
    place.textContent = line;
    place.classList.toggle("busy", working);
    if (line && !working) said = setTimeout(() => { place.textContent = ""; }, 4000);
  }

  async function copy(text, what) {
    let done = false;
    try { await navigator.clipboard.writeText(text); done = true; } catch { done = copyByHand(text); }
    say(done ? `${what} copied` : `${what} could not be copied`);
  }

  function copyByHand(text) {
    const area = element("textarea", { style: "position:fixed;left:-999px" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }

  // ---- what is shown

  function showSettings(now) {
    settings = now;
    document.body.dataset.asked = now.query;
    for (const name of ["method", "loss"]) {
      for (const one of document.querySelectorAll(`input[name=${name}]`)) one.checked = one.value === now[name];
    }
    const d = now.points[0].x.length;
    for (const one of document.querySelectorAll("input[name=dimension]")) one.checked = Number(one.value) === d;
    document.body.classList.toggle("plane", d === 2);
    $("step-row").hidden = now.method === "gf" && !now.beside;
    put($("step-number"), now.step_size);
    put($("step"), Math.log10(now.step_size));
    $("step").setAttribute("aria-valuetext", String(now.step_size));
    put($("slope"), now.slope);
    $("slope-text").textContent = now.slope === 0 ? "ReLU" : now.slope === 1 ? "linear" : String(now.slope);
    put($("both"), now.train_output);
    put($("bias"), now.bias);
    put($("beside"), now.beside);
    $("beside-name").textContent = now.method === "gd" ? "Gradient flow beside it" : "Gradient descent beside it";
    put($("init"), now.init);
    put($("seed"), now.seed);
    $("margins-note").textContent = `input units; law dashed${now.beside ? `; ${now.method === "gd" ? "flow" : "descent"} in rose` : ""}`;
    put($("preset"), now.preset ?? "");
    $("about").textContent = now.preset === null ? "" : presets[now.preset]?.says ?? "";
    showTime(now);
    showTables(now, d);
    showNames(now);
    const address = location.pathname + (now.query ? `?${now.query}` : "");
    if (address !== location.pathname + location.search) history.replaceState(null, "", address);
    $("copy-command").dataset.text = now.command;
    $("copy-python").dataset.text = now.python;
  }

  function showTime(now) {
    $("time").max = now.stops;
    put($("time"), now.stop);
    $("time").setAttribute("aria-valuetext", `${now.time.unit} ${now.time.said}`);
    const [base, power] = now.time.said.split("^");
    $("time-said").replaceChildren(base, ...(power ? [element("sup", {}, power)] : []));
    $("time-unit").textContent = now.time.unit;
    put($("time-text"), now.time.text);
  }

  function showTables(now, d) {
    const wanted = `${now.points.length} ${now.neurons.length} ${d} ${now.train_output} ${now.bias}`;
    if (wanted !== shape) { buildTables(now, d); shape = wanted; }
    now.points.forEach((point, i) => {
      point.x.forEach((x, k) => put($(`x${i}-${k}`), x));
      const flip = $(`y${i}`);
      flip.firstElementChild.className = point.label > 0 ? "sign" : "sign minus";
      flip.lastElementChild.textContent = point.label > 0 ? "+1" : `${MINUS}1`;
      flip.setAttribute("aria-label", `Label of point ${i + 1}: ${point.label}. Change it`);
    });
    now.neurons.forEach((neuron, j) => {
      neuron.w.forEach((w, k) => put($(`w${j}-${k}`), w));
      if (now.bias) put($(`b${j}`), neuron.b);
      put($(`v${j}`), neuron.v);
      $(`n${j}`).className = neuron.v > 0 ? "sign" : "sign minus";
    });
  }

  function buildTables(now, d) {
    const ends = d === 1 ? [""] : ["1", "2"];
    const dot = (k) => (d === 1 ? "" : `.${k + 1}`);
    const box = (id, label, name) => {
      const made = element("input", { type: "number", step: "any", id, "aria-label": label });
      once(made, () => { const value = number(made.value); if (value !== null) send({ values: { [name]: value } }); });
      return made;
    };
    const drop = (label, message, one) => element("button", { type: "button", class: "drop", "aria-label": label,
      onclick: () => send(message) }, "\u00d7");
    $("point-head").replaceChildren(element("th", {}, "label"), ...ends.map((e) => element("th", {}, `x${e}`)), element("td"));
    $("points-table").replaceChildren(...now.points.map((point, i) => element("tr", {},
      element("td", {}, element("button", { type: "button", class: "flip who", id: `y${i}`, onclick: () => send({ flip: i }) },
        element("span", { class: "sign" }), element("span"))),
      ...point.x.map((_, k) => element("td", {}, box(`x${i}-${k}`, `Point ${i + 1}, x${ends[k]}`, `x${i + 1}${dot(k)}`))),
      element("td", {}, drop(`Remove point ${i + 1}`, { remove_point: i })))));
    $("neuron-head").replaceChildren(element("th", { "aria-label": "neuron" }, "#"), ...ends.map((e) => element("th", {}, `w${e}`)),
      ...(now.bias ? [element("th", {}, "b")] : []), element("th", {}, "v"), element("td"));
    $("neurons-table").replaceChildren(...now.neurons.map((neuron, j) => element("tr", { class: "neuron" },
      element("td", {}, element("span", { class: "who" }, element("span", { class: "sign", id: `n${j}` }), String(j + 1))),
      ...neuron.w.map((_, k) => element("td", {}, box(`w${j}-${k}`, `Neuron ${j + 1}, weight w${ends[k]}`, `w${j + 1}${dot(k)}`))),
      ...(now.bias ? [element("td", {}, box(`b${j}`, `Neuron ${j + 1}, bias b`, `b${j + 1}`))] : []),
      element("td", {}, box(`v${j}`, `Neuron ${j + 1}, output weight v`, `v${j + 1}`)),
      element("td", {}, drop(`Remove neuron ${j + 1}`, { remove_neuron: j })))));
  }

  function showNames(now) {
    for (const [id, value] of [["map-x", now.map.x], ["map-y", now.map.y]]) {
      const select = $(id);
      if (select.dataset.names !== now.names.join()) {
        select.replaceChildren(...now.names.map((name) => element("option", { value: name }, name)));
        select.dataset.names = now.names.join();
      }
      put(select, value);
    }
    put($("map-colour"), now.map.colour);
    $("map-data").hidden = now.points.length < 2;
  }

  function showFacts(facts) {
    $("numbers").replaceChildren(...facts.numbers.map((one) => element("div", { class: one.tone || "" },
      element("dt", {}, one.name), element("dd", { class: one.value.length > 9 ? "value long" : "value", "data-raw": one.raw ?? "" }, one.value),
      element("dd", { class: "says" }, one.says))));
    $("headline").textContent = facts.headline;
    $("why").replaceChildren(...facts.why.map(reason));
    $("why-points").replaceChildren(...facts.points.map(reason));
    $("note").textContent = facts.note;
    $("plot-network").setAttribute("aria-label", facts.summary);
  }

  function reason(one) {
    const blame = one.blame === null ? [] : [element("i", { style: `height: calc((100% - 6px) * ${one.blame})` })];
    return element("li", {}, ...blame, element("b", {}, one.who), ` ${one.says}`);
  }

  function showLegend(legend) {
    const minus = (text) => text.replace(/-/g, MINUS);
    const { low, middle, high, name, fills } = legend.scale ?? {};
    const scale = !legend.scale ? [] : [element("span", { class: "name" }, name), element("span", {}, minus(low)),
      element("span", { class: "bar", style: `background: linear-gradient(90deg, ${fills.join()})` }, middle), element("span", {}, minus(high))];
    $("legend").replaceChildren(...scale, ...legend.chips.map((chip) => element("span", { class: "chip", title: chip.says },
      element("i", chip.line ? { class: "line" } : { style: `background: ${chip.colour}` }), chip.name)));
  }

  function showMap(map) {
    $("plot-chart").dataset.state = map.state;
    if (map.state === "later") return;  // what is shown is of what was set before
    $("map-ask").hidden = map.state !== "asks";
    if (map.state === "asks") $("legend").replaceChildren();
    if (map.state === "failed") $("legend").replaceChildren(map.says);
  }

  function save(file) {
    const bytes = Uint8Array.from(atob(file.content), (c) => c.charCodeAt(0));
    const url = URL.createObjectURL(new Blob([bytes], { type: file.media }));
    element("a", { href: url, download: file.name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    say(`${file.name} saved`);
  }

  model.on("msg:custom", (event) => {
    const message = event.data ?? event;
    if (message.presets) {
      presets = message.presets;
      $("preset").append(...message.presets.map((one, k) => element("option", { value: k, title: one.says }, one.name)));
    }
    if (message.settings) showSettings(message.settings);
    if (message.facts) { if (!kept) fail(""); showFacts(message.facts); document.body.dataset.answered = message.facts.query; }
    if (message.legend) showLegend(message.legend);
    if (message.map) showMap(message.map);
    if (message.file) save(message.file);
    if (message.error) fail(message.error);
    if (message.notice) { fail(message.notice); kept = true; }
    if ("busy" in message) busy(message.busy);
    if ("held" in message) delete document.body.dataset.held;
    if (message.error) busy(false);
  });

  // ---- what is done

  for (const name of ["method", "loss"]) {
    for (const one of document.querySelectorAll(`input[name=${name}]`)) one.addEventListener("change", () => send({ [name]: one.value }));
  }
  for (const one of document.querySelectorAll("input[name=dimension]")) {
    one.addEventListener("change", () => send({ dimension: Number(one.value) }));
  }
  often($("step"), (input) => send({ step_size: Number((10 ** Number(input.value)).toPrecision(3)) }));
  once($("step-number"), (input) => { const value = number(input.value); if (value !== null) send({ step_size: value }); });
  often($("slope"), (input) => send({ slope: Number(input.value) }));
  $("bias").addEventListener("change", (event) => send({ bias: event.target.checked }));
  $("both").addEventListener("change", (event) => send({ train_output: event.target.checked }));
  $("beside").addEventListener("change", (event) => send({ beside: event.target.checked }));
  $("init").append(...INITIALIZERS.map((name) => element("option", { value: name }, name)));
  $("init").addEventListener("change", (event) => event.target.value && send({ drawn: { init: event.target.value, seed: Number($("seed").value) } }));
  once($("seed"), (input) => { const value = number(input.value); if (value !== null) send({ drawn: { init: $("init").value || "he_normal", seed: value } }); });
  $("again").addEventListener("click", () => {
    const seed = settings && settings.init ? Number($("seed").value) + 1 : Number($("seed").value);
    send({ drawn: { init: $("init").value || "he_normal", seed } });
  });
  often($("time"), (input) => send({ stop: Number(input.value) }));
  once($("time-text"), (input) => send({ time: input.value.trim() }));
  $("add-point").addEventListener("click", () => send({ add_point: 1 }));
  $("add-neuron").addEventListener("click", () => send({ add_neuron: 1 }));
  $("preset").addEventListener("change", (event) => event.target.value !== "" && send({ preset: Number(event.target.value) }));
  $("map-x").addEventListener("change", (event) => send({ map_x: event.target.value }));
  $("map-y").addEventListener("change", (event) => send({ map_y: event.target.value }));
  $("map-colour").addEventListener("change", (event) => send({ colour: event.target.value }));
  $("map-data").addEventListener("click", () => {
    const end = settings.points[0].x.length === 1 ? "" : ".1";
    send({ map_x: `x1${end}`, map_y: `x2${end}` });
  });
  $("map-whole").addEventListener("click", () => send({ map: "whole" }));
  $("map-ask").addEventListener("click", () => send({ map: "now" }));
  for (const id of ["copy-command", "copy-python"]) {
    $(id).addEventListener("click", (event) => copy(event.currentTarget.dataset.text, id === "copy-command" ? "Command" : "Python"));
  }
  $("save-svg").addEventListener("click", () => send({ file: "svg" }));
  $("save-png").addEventListener("click", () => send({ file: "png" }));
  $("error").lastElementChild.addEventListener("click", () => fail(""));

  let playing = null;
  $("play").addEventListener("click", () => {
    const on = playing === null;
    $("play").setAttribute("aria-pressed", String(on));
    clearInterval(playing);
    playing = null;
    if (!on) return;
    let stop = settings.stop >= settings.stops ? 0 : settings.stop;
    playing = setInterval(() => {
      stop = Math.min(stop + 1, settings.stops);
      send({ stop });
      if (stop >= settings.stops) $("play").click();
    }, 60);
  });

  const dark = () => document.documentElement.dataset.theme === "dark";
  function theme(to, keep) {
    document.documentElement.dataset.theme = to ? "dark" : "light";
    $("theme").setAttribute("aria-pressed", String(to));
    if (keep) { try { localStorage.setItem("latephase-theme", to ? "dark" : "light"); } catch { /* not kept */ } }
    send({ dark: to });
  }
  $("theme").addEventListener("click", () => theme(!dark(), true));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => theme(event.matches, false));
  $("theme").setAttribute("aria-pressed", String(dark()));

  send({ open: location.search, dark: dark() });
}
