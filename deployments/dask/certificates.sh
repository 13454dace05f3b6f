#!/bin/sh
# Make what a Dask cluster needs to speak TLS: `certificates.sh FOLDER [NAME...]`.
#
# FOLDER gets an authority of its own (ca.pem, ca.key) and one pair (node.pem, node.key) that
# scheduler, workers and drivers share. NAMEs are the host names that the scheduler is reached by;
# Dask checks the authority and not the names, other tools may. What is there stays.
# Keep ca.key off the machines: who has it can make a pair and run code on every worker.
set -eu
folder=$1
shift
umask 077
mkdir -p "$folder"
[ -s "$folder/node.pem" ] && exit 0

names="DNS:localhost,IP:127.0.0.1"
for name in "$@"; do names="$names,DNS:$name"; done

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1825 \
    -subj "/CN=Qilin Dask authority" -addext "basicConstraints=critical,CA:TRUE" \
    -addext "keyUsage=critical,keyCertSign,cRLSign" \
    -keyout "$folder/ca.key" -out "$folder/ca.pem" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=Qilin Dask node" \
    -keyout "$folder/node.key" -out "$folder/node.csr" 2>/dev/null
printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$names" >"$folder/node.ext"
openssl x509 -req -days 825 -in "$folder/node.csr" -extfile "$folder/node.ext" \
    -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -CAcreateserial \
    -out "$folder/node.new" 2>/dev/null
rm "$folder/node.csr" "$folder/node.ext"
mv "$folder/node.new" "$folder/node.pem"
