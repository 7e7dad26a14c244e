"""Bars that other programs exported, brought into the form that runs read (``marketdata.files``)."""
