# What Prometheus in the cluster cannot tell when the cluster itself is in trouble. Budget alerts
# are no resource of the provider: README.md says where to set one.
locals {
  alerts = {
    cpu    = { type = "v1/insights/droplet/cpu", what = "CPU" }
    memory = { type = "v1/insights/droplet/memory_utilization_percent", what = "memory" }
    disk   = { type = "v1/insights/droplet/disk_utilization_percent", what = "disk" }
  }
}

resource "digitalocean_monitor_alert" "nodes" {
  for_each = local.alerts

  description = "${var.name}: ${each.value.what} of a node over 90 %"
  type        = each.value.type
  compare     = "GreaterThan"
  value       = 90
  window      = "10m"
  enabled     = true
  entities    = []
  tags        = ["${var.name}-api", "${var.name}-worker"]

  alerts {
    email = [var.alert_email]
  }
}
