variable "name" {
  description = "Name of everything that is made."
  type        = string
  default     = "packguard"
}

variable "bucket" {
  description = "Name of the bucket; the region has each name but once."
  type        = string
}

variable "registry" {
  description = "Name of the container registry; DigitalOcean has each name but once, and an account one registry."
  type        = string
}

variable "region" {
  description = "Where it is. It needs Spaces too: ams3, fra1, nyc3, sfo3, sgp1 and others have them."
  type        = string
  default     = "fra1"
}

variable "vpc_range" {
  description = "Addresses of nodes and databases. Another one has to stand in deploy/base/network.yaml too."
  type        = string
  default     = "10.120.0.0/20"
}

variable "kubernetes_version" {
  description = "Kubernetes' minor version. Patches are installed by DigitalOcean, in the maintenance window."
  type        = string
  default     = "1.33"
}

variable "admin_addresses" {
  description = "Networks that may reach the Kubernetes API: yours, and that of CI. Empty: everybody with a token."
  type        = list(string)
}

variable "alert_email" {
  description = "Who is told of nodes and databases that are full. DigitalOcean knows verified addresses only."
  type        = string
}

variable "api_size" {
  description = "Droplets of the API, the controller and the ingress: 4 CPU, 16 GB."
  type        = string
  default     = "g-4vcpu-16gb"
}

variable "worker_size" {
  description = "Droplets of the workers: 8 CPU, 32 GB."
  type        = string
  default     = "g-8vcpu-32gb"
}

variable "worker_nodes" {
  description = "Fewest and most nodes of workers. An account has 25 Droplets unless DigitalOcean allows more."
  type        = object({ min = number, max = number })
  default     = { min = 0, max = 50 }

  validation {
    condition     = var.worker_nodes.min >= 0 && var.worker_nodes.min <= var.worker_nodes.max
    error_message = "worker_nodes: min must be between 0 and max."
  }
}

variable "database_size" {
  description = "Postgres: 8 CPU, 32 GB, for its connections: pods times DATABASE_POOL_SIZE (README.md)."
  type        = string
  default     = "db-s-8vcpu-32gb"
}

variable "queue_size" {
  description = "Valkey."
  type        = string
  default     = "db-s-2vcpu-4gb"
}
