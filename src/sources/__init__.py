"""Real exports and the simulated world, turned into the contract's tables: one file per adapter."""
