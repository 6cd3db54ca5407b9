#!/bin/sh
# docker-entrypoint.sh: what the container runs, with the habits of the official redis image.
#
#   docker run IMAGE                                 redis-server
#   docker run IMAGE --appendonly yes                redis-server --appendonly yes
#   docker run IMAGE /etc/redis.conf                 redis-server /etc/redis.conf
#   docker run IMAGE redis-sentinel /data/s.conf     any other program, as it is
#
# A server or sentinel that begins as root goes on as redis: first the files of the working folder become the user's. Files that no
# server writes stay as they are, with a notice: the folder may be somebody's home. SKIP_FIX_PERMS=1 changes no owner,
# SKIP_DROP_PRIVS=1 stays root.
set -eu

user=redis
drop="setpriv --reuid=$user --regid=$user --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all"

case "${1-}" in
  -* | *.conf) set -- redis-server "$@" ;;
esac

role=other
case "$(basename "${1-}")" in
  redis-server | kvasir-server | kvasir) role=server ;;
  redis-sentinel | kvasir-sentinel) role=sentinel ;;
esac
if [ "$role" = server ]; then
  for word in "$@"; do
    if [ "$word" = --sentinel ]; then role=sentinel; fi
  done
fi

notice() {
  printf 'docker-entrypoint.sh: %s\n' "$1" >&2
}

# The files that a server writes into its folder.
own_data() {
  stranger=$(find . -mindepth 1 -maxdepth 1 ! \( -name '*.rdb' -o -name '*.aof' -o -name '*.aof.*' -o -name 'appendonlydir*' \
    -o -name 'nodes*.conf' -o -name '*.lock' -o -name 'lost+found' \) -print -quit)
  if [ -n "$stranger" ]; then
    notice "owners in $(pwd) stay as they are: $stranger is no file of a server. SKIP_FIX_PERMS=1 silences this."
  else
    find . ! -user "$user" -exec chown "$user" {} + || notice "cannot change the owner of files in $(pwd)"
  fi
}

# A sentinel rewrites its file, beside which it makes others.
own_config() {
  if [ -f "${1-}" ]; then
    chown "$user" "$1" "$(dirname "$1")" || notice "cannot change the owner of $1"
  fi
}

# A container that may not change its user (--cap-drop ALL) goes on as it is.
if [ "$role" != other ] && [ "$(id -u)" = 0 ] && [ -z "${SKIP_DROP_PRIVS-}" ]; then
  if $drop true 2>/dev/null; then
    if [ -z "${SKIP_FIX_PERMS-}" ]; then
      if [ "$role" = sentinel ]; then own_config "${2-}"; else own_data; fi
    fi
    exec $drop "$0" "$@"
  fi
  notice 'this container may not change its user, so the server runs as root'
fi

# Data files are for their owner, unless somebody has chosen a mask.
if [ "$(umask)" = 0022 ]; then umask 0077; fi

if [ "$#" -eq 0 ]; then set -- redis-server; fi
exec "$@"
