#!/bin/sh
# Runs a balancer of this folder in the foreground, without Docker:
#
#   deploy/balance.sh haproxy 8090 10.0.0.1:8080 10.0.0.2:8080
#   deploy/balance.sh nginx 8090 10.0.0.1:8080 10.0.0.2:8080 10.0.0.3:8080
#   SLOTS=4 deploy/balance.sh haproxy ...        llama-servers with --parallel 4
#   ROUND_ROBIN=1 deploy/balance.sh haproxy ...  to compare: takes the servers in turn, whatever the conversation
#
# It is the same configuration with other addresses: LISTEN_PORT on this machine only, and one line for each server.
set -eu
[ $# -ge 3 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
kind=$1 port=$2
shift 2
folder=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Repeats the line of the first server for every address, and drops the lines of the others. nginx cannot open a stdout that is a socket.
configure() {
  awk -v addresses="$*" -v port="$port" -v slots="${SLOTS:-1}" -v round_robin="${ROUND_ROBIN:-}" '
    /^ *(bind|listen) / { sub(/:?8080/, "127.0.0.1:" port) }
    /^ *access_log / { sub(/\/dev.*/, "off;") }
    /^ *default-server / { sub(/maxconn 1$/, "maxconn " slots) }
    round_robin && /^ *balance / { sub(/hdr.*/, "roundrobin") }
    round_robin && /^ *(hash-type|hash) / { next }
    /^ *server llama[2-9]/ { next }
    /^ *server llama1/ {
      count = split(addresses, list, " ")
      for (i = 1; i <= count; i++) {
        line = $0
        sub(/llama1:8080/, list[i], line)
        gsub(/llama1/, "llama" i, line)
        print line
      }
      next
    }
    { print }'
}

case $kind in
  haproxy) configure "$@" <"$folder/haproxy.cfg" >"$work/haproxy.cfg" && set -- haproxy -db -f "$work/haproxy.cfg" ;;
  nginx) configure "$@" <"$folder/nginx.conf" >"$work/nginx.conf" && set -- nginx -p "$work" -c "$work/nginx.conf" -e stderr -g "daemon off; pid $work/pid;" ;;
  *) echo "balance.sh: $kind is neither haproxy nor nginx" >&2; exit 2 ;;
esac
"$@" &
trap 'kill $!' INT TERM
wait $! || wait $!
