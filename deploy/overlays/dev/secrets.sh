#!/bin/sh
# Puts the random secrets of deploy/secrets.sh into the namespace packguard-dev. Run it again and
# nothing changes.
set -eu
cd "$(dirname "$0")/../.."
./secrets.sh
kubectl create namespace packguard-dev --dry-run=client --output yaml | kubectl apply --filename -
put() { # put NAME ARGUMENTS…
    name=$1; shift
    kubectl --namespace packguard-dev create secret generic "$name" "$@" --dry-run=client --output yaml |
        kubectl apply --filename -
}
put packguard-servers --from-file=secrets/database_password --from-file=secrets/queue_conf \
    --from-file=secrets/storage_conf
# COMPONENT_CACHE_KEY is left out: each worker compiles for itself.
put packguard --from-file=DATABASE_URL=secrets/database_url --from-file=REDIS_URL=secrets/redis_url \
    --from-file=STORAGE_SECRET_ACCESS_KEY=secrets/storage_secret_access_key \
    --from-literal=STORAGE_ACCESS_KEY_ID=packguard --from-literal=STORAGE_URL=s3://packguard/ \
    --from-literal=STORAGE_ENDPOINT=http://storage:8333 --from-literal=STORAGE_REGION=us-east-1
