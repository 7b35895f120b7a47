terraform {
  required_version = ">= 1.7"

  required_providers {
    digitalocean = {
      source  = "digitalocean/digitalocean"
      version = "~> 2.60"
    }
  }

  # The state holds passwords. Keep it where it is encrypted and locked: README.md shows how.
}

# The token: DIGITALOCEAN_TOKEN. The key that makes buckets: SPACES_ACCESS_KEY_ID and
# SPACES_SECRET_ACCESS_KEY.
provider "digitalocean" {}
