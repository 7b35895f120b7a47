from setuptools import setup

setup(name='plain-address', version='1.0.0', url='https://plain.example.com/')
