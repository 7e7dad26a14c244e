"""Settings, topology, the runtimes, the engine: where the parts are put together."""
