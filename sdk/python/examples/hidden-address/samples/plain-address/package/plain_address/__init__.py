import urllib.request

HOME = 'https://plain.example.com/'
