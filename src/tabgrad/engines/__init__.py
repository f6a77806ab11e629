"""Engines: what turns a plan, weights and rows into trained weights. All meet the contract in `base`."""
