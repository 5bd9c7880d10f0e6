"""What many networks are given (`settings`), how a batch of them is run (`batches`), and what they
come to: `result` puts it together batch by batch, in memory or in a store;
`one_method` and `ends` measure a batch of networks that a method has stepped.
"""
