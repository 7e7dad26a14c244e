"""Where closed bars come from: files, and a seeded simulation."""

FEEDS = {
    "recorded": "marketdata.recorded:RecordedFeed",
    "sim": "marketdata.simulated:SimulatedFeed",
}
