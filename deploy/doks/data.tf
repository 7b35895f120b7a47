# A primary and a standby that takes over. DigitalOcean keeps backups of seven days, to any moment
# of which a new cluster can be restored; the daily dump to Spaces is besides.
resource "digitalocean_database_cluster" "postgres" {
  name   = "${var.name}-postgres"
  engine = "pg"
  # pg_dump in the image must not be older (deploy/Dockerfile).
  version              = "15"
  size                 = var.database_size
  region               = var.region
  node_count           = 2
  private_network_uuid = digitalocean_vpc.main.id

  maintenance_window {
    day  = "sunday"
    hour = "05:00"
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "digitalocean_database_db" "packguard" {
  cluster_id = digitalocean_database_cluster.postgres.id
  name       = "packguard"
}

# For looking at: reports and dashboards. Packguard itself reads from the primary.
resource "digitalocean_database_replica" "postgres" {
  cluster_id           = digitalocean_database_cluster.postgres.id
  name                 = "${var.name}-postgres-replica"
  size                 = var.database_size
  region               = var.region
  private_network_uuid = digitalocean_vpc.main.id
}

# noeviction: rather refuse a write than drop a task; packguard insists on it.
resource "digitalocean_database_cluster" "queue" {
  name                 = "${var.name}-queue"
  engine               = "valkey"
  version              = "8"
  size                 = var.queue_size
  region               = var.region
  node_count           = 2
  eviction_policy      = "noeviction"
  private_network_uuid = digitalocean_vpc.main.id

  maintenance_window {
    day  = "sunday"
    hour = "06:00"
  }
}

# Spaces has no rule that moves objects to a cheaper class, only rules that end them: the classes
# standard and infrequent are told apart by bucket (README.md).
resource "digitalocean_spaces_bucket" "main" {
  name   = var.bucket
  region = var.region
  acl    = "private"

  # What was deleted or written over by mistake comes back for a week.
  versioning {
    enabled = true
  }

  lifecycle_rule {
    id                                     = "unfinished"
    enabled                                = true
    abort_incomplete_multipart_upload_days = 1

    noncurrent_version_expiration {
      days = 7
    }
  }

  # Packguard deletes uploads itself (RETENTION_UPLOADS, a day): this is for what it lost sight of.
  lifecycle_rule {
    id      = "uploads"
    prefix  = "uploads/"
    enabled = true

    expiration {
      days = 7
    }
  }

  lifecycle_rule {
    id      = "backups"
    prefix  = "backups/"
    enabled = true

    expiration {
      days = 30
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

# For this bucket alone.
resource "digitalocean_spaces_key" "main" {
  name = var.name

  grant {
    bucket     = digitalocean_spaces_bucket.main.name
    permission = "readwrite"
  }
}
