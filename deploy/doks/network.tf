# Nodes and databases speak to each other here, and not over the internet.
resource "digitalocean_vpc" "main" {
  name     = var.name
  region   = var.region
  ip_range = var.vpc_range
}

# Only this cluster's nodes reach the databases.
resource "digitalocean_database_firewall" "postgres" {
  cluster_id = digitalocean_database_cluster.postgres.id

  rule {
    type  = "k8s"
    value = digitalocean_kubernetes_cluster.main.id
  }
}

resource "digitalocean_database_firewall" "replica" {
  cluster_id = digitalocean_database_replica.postgres.uuid

  rule {
    type  = "k8s"
    value = digitalocean_kubernetes_cluster.main.id
  }
}

resource "digitalocean_database_firewall" "queue" {
  cluster_id = digitalocean_database_cluster.queue.id

  rule {
    type  = "k8s"
    value = digitalocean_kubernetes_cluster.main.id
  }
}
