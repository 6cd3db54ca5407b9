#!/bin/sh
# kvasir-healthcheck.sh: is the server of this container serving? Exit status 0 or 1, with the reply as the reason.
#
# Address and port are read from the title of the server's process ("redis-server 127.0.0.1:6381 [cluster]"), so that `--port` in
# the container's command is enough. KVASIR_HEALTHCHECK has words for kvasir-cli that take their place ("-p 6390 --tls --insecure").
# KVASIR_HEALTHCHECK_TIMEOUT is how many seconds it may take, 8 if absent.
# A server that wants a password lives; REDISCLI_AUTH makes the check log in. A server that loads its data is not healthy yet.
set -u

title=$(tr '\0' ' ' <"${KVASIR_TITLE:-/proc/1/cmdline}")
if [ -n "${KVASIR_HEALTHCHECK-}" ]; then
  words=$KVASIR_HEALTHCHECK
else
  address=$(printf '%s\n' "$title" | sed -n 's/^[a-z]*-[a-z]* \([^ ]*\):\([0-9][0-9]*\).*/\1 \2/p')
  host=${address% *}
  port=${address##* }
  case "$host" in '' | '*' | '-'* | '::' | '::*' | 0.0.0.0) host=127.0.0.1 ;; esac
  words="-h $host -p ${port:-6379}"
fi

# shellcheck disable=SC2086 # the words are several
reply=$(timeout "${KVASIR_HEALTHCHECK_TIMEOUT:-8}" kvasir-cli $words PING 2>&1)
case "$reply" in
  PONG | NOAUTH* | *'NOAUTH'* | BUSY* | MASTERDOWN*) exit 0 ;;
esac
printf '%s\n' "${reply:-no reply in time}"
exit 1
