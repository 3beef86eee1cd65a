#!/usr/bin/env bash
# A real API server with its etcd on free ports of 127.0.0.1, for one test.
#
#   apiserver.sh prepare DIR PORT   makes keys and DIR/admin.kubeconfig
#   apiserver.sh renew DIR          makes a new client certificate and kubeconfig for the same server
#   apiserver.sh run DIR PORT       runs both until it is ended
#
# PORT serves the API, the two after it etcd.
set -euo pipefail
command=$1 dir=$2 port=${3:-}
cd "$dir"

quiet() { "$@" 2>>openssl.log; }

certificate() { # certificate NAME SUBJECT [ALTERNATIVE NAMES]
  quiet openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "$2" -keyout "$1.key" -out "$1.csr"
  printf 'extendedKeyUsage=serverAuth,clientAuth\n%s\n' "${3:+subjectAltName=$3}" >"$1.ext"
  quiet openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out "$1.crt" -extfile "$1.ext"
}

encoded() { base64 -w 0 <"$1"; }

kubeconfig() {
  certificate admin /O=system:masters/CN=admin
  cat >admin.kubeconfig <<YAML
apiVersion: v1
kind: Config
current-context: admin@prod
contexts: [{ name: admin@prod, context: { cluster: prod, user: admin@prod } }]
clusters: [{ name: prod, cluster: { server: "https://127.0.0.1:$(<port)", certificate-authority-data: $(encoded ca.crt) } }]
users: [{ name: admin@prod, user: { client-certificate-data: $(encoded admin.crt), client-key-data: $(encoded admin.key) } }]
YAML
}

case $command in
  prepare)
    echo "$port" >port
    openssl ecparam -name prime256v1 -genkey -noout -out sa.key
    quiet openssl ec -in sa.key -pubout -out sa.pub
    quiet openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=test-ca -days 2 -keyout ca.key -out ca.crt
    certificate server /CN=kube-apiserver IP:127.0.0.1
    kubeconfig
    ;;
  renew) kubeconfig ;;
  run)
    store=http://127.0.0.1:$((port + 1)) peer=http://127.0.0.1:$((port + 2))
    trap 'kill -KILL $(jobs -p) 2>/dev/null' EXIT # without its etcd an API server hangs in its shutdown
    trap 'exit 0' TERM INT
    kubebox etcd --data-dir=etcd --listen-client-urls="$store" --advertise-client-urls="$store" --listen-peer-urls="$peer" \
      --initial-advertise-peer-urls="$peer" --initial-cluster=default="$peer" --unsafe-no-fsync >etcd.log 2>&1 &
    kubebox kube-apiserver --etcd-servers="$store" --bind-address=127.0.0.1 --advertise-address=127.0.0.1 --secure-port="$port" \
      --endpoint-reconciler-type=none --client-ca-file=ca.crt --tls-cert-file=server.crt --tls-private-key-file=server.key \
      --service-cluster-ip-range=10.96.0.0/16 --service-account-issuer=https://kubernetes.default.svc \
      --service-account-key-file=sa.pub --service-account-signing-key-file=sa.key --authorization-mode=RBAC >apiserver.log 2>&1 &
    wait -n # one without the other is of no use
    ;;
esac
