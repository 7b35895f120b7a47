data "digitalocean_kubernetes_versions" "main" {
  version_prefix = "${var.kubernetes_version}."
}

resource "digitalocean_kubernetes_cluster" "main" {
  name     = var.name
  region   = var.region
  version  = data.digitalocean_kubernetes_versions.main.latest_version
  vpc_uuid = digitalocean_vpc.main.id

  # Three control planes in place of one.
  ha            = true
  auto_upgrade  = true
  surge_upgrade = true

  # Lets the nodes pull from the account's registry.
  registry_integration = true

  control_plane_firewall {
    enabled           = length(var.admin_addresses) > 0
    allowed_addresses = var.admin_addresses
  }

  maintenance_policy {
    day        = "sunday"
    start_time = "04:00"
  }

  node_pool {
    name       = "api"
    size       = var.api_size
    auto_scale = true
    min_nodes  = 3
    max_nodes  = 10
    tags       = ["${var.name}-api"]

    labels = {
      "packguard.dev/role" = "api"
    }
  }

  depends_on = [digitalocean_container_registry.main]
}

# Only workers come here (deploy/overlays/production/worker-nodes.yaml): they parse what nobody
# trusts. DigitalOcean has no spot Droplets; where a cloud has them, they belong into this pool.
resource "digitalocean_kubernetes_node_pool" "worker" {
  cluster_id = digitalocean_kubernetes_cluster.main.id
  name       = "worker"
  size       = var.worker_size
  auto_scale = true
  min_nodes  = var.worker_nodes.min
  max_nodes  = var.worker_nodes.max
  tags       = ["${var.name}-worker"]

  labels = {
    "packguard.dev/role" = "worker"
  }

  taint {
    key    = "packguard.dev/role"
    value  = "worker"
    effect = "NoSchedule"
  }
}

resource "digitalocean_container_registry" "main" {
  name                   = var.registry
  subscription_tier_slug = "basic"
  region                 = var.region
}
