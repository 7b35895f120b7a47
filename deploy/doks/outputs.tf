output "cluster" {
  description = "For doctl kubernetes cluster kubeconfig save."
  value       = digitalocean_kubernetes_cluster.main.id
}

output "image" {
  description = "Where the image goes: newName of the overlay."
  value       = "${digitalocean_container_registry.main.endpoint}/packguard"
}

# The keys of the Secret `packguard`, as a file for kubectl create secret --from-env-file.
output "secret" {
  description = "terraform output -raw secret"
  sensitive   = true
  value       = <<-EOT
    DATABASE_URL=${local.database_url}
    REDIS_URL=${digitalocean_database_cluster.queue.private_uri}
    STORAGE_URL=s3://${digitalocean_spaces_bucket.main.name}/
    STORAGE_ENDPOINT=https://${var.region}.digitaloceanspaces.com
    STORAGE_REGION=${var.region}
    STORAGE_ACCESS_KEY_ID=${digitalocean_spaces_key.main.access_key}
    STORAGE_SECRET_ACCESS_KEY=${digitalocean_spaces_key.main.secret_key}
  EOT
}

locals {
  postgres     = digitalocean_database_cluster.postgres
  database_url = "postgres://${local.postgres.user}:${urlencode(local.postgres.password)}@${local.postgres.private_host}:${local.postgres.port}/${digitalocean_database_db.packguard.name}?sslmode=require"
}
