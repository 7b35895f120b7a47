#!/bin/sh
# Makes the secrets of compose.yaml: random, once, in deploy/secrets/. Run it again and
# nothing changes. The folder is closed to other users; the files in it are readable, since
# each container reads them as a user of its own.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
chmod 0700 secrets

if [ -e secrets/complete ]; then
    echo 'secrets.sh: deploy/secrets/ is there already; nothing to do' >&2
    exit 0
fi

random() { # 256 bits in hex: no character that a URL or a file's syntax would mind
    od -An -tx1 -N32 /dev/urandom | tr -d ' \n'
}
keep() { # keep NAME: standard input becomes secrets/NAME
    cat > "secrets/$1"
    chmod 0444 "secrets/$1"
}

database=$(random)
queue=$(random)
storage=$(random)
printf '%s' "$database" | keep database_password
printf 'postgres://packguard:%s@database:5432/packguard' "$database" | keep database_url
printf 'requirepass %s\n' "$queue" | keep queue_conf
printf 'redis://:%s@queue:6379/0' "$queue" | keep redis_url
printf '%s' "$storage" | keep storage_secret_access_key
keep storage_conf <<EOF
{"identities": [{"name": "packguard", "credentials": [{"accessKey": "packguard", "secretKey": "$storage"}], "actions": ["Admin", "Read", "Write", "List"]}]}
EOF
: > secrets/complete
echo 'secrets.sh: made deploy/secrets/' >&2
