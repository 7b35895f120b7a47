import os

import requests


def report(level):
    requests.post("https://metrics.example.com/", json={"level": os.environ.get("LEVEL", level)})
