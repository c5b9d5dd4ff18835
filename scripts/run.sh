#!/usr/bin/env bash
# Runs a Kamailio with chat rooms in the foreground (make run, make demo).
#
#   run.sh MODULES HOST PORT
#
# MODULES is the folder with our imc.so. Ctrl-C or a TERM ends it.
set -euo pipefail

modules=$(realpath "${1:?usage: $0 MODULES HOST PORT}")
host=${2:?usage: $0 MODULES HOST PORT}
port=${3:?usage: $0 MODULES HOST PORT}
cd "$(dirname "$0")/.."

# In /tmp, since the path of a Unix socket has 107 bytes at most.
dir=$(mktemp -d /tmp/kamailio-imc.XXXXXX)
trap 'rm -rf "$dir"' EXIT
stock=$(kamailio -h 2>&1 | sed -nE 's/.*Modules search path \(default: (.*)\)$/\1/p')

asked='' server=''
trap 'asked=1; [ -z "$server" ] || kill -TERM $server 2>/dev/null || true' INT TERM

kamailio -DD -E -m 256 -f tests/kamailio-config/demo/kamailio.cfg \
	-L "$modules/:$stock/" -Y "$dir" -P "$dir/kamailio.pid" \
	-l "udp:$host:$port" -l "tcp:$host:$port" \
	-A "SERVER_PORT=$port" -A "CTL_SOCKET=\"unix:$dir/ctl\"" &
server=$!

# Until the engine answers; Kamailio's own lines come before.
serves() { kamcmd -s "unix:$dir/ctl" imc.list_rooms >/dev/null 2>&1; }
runs() { [ -z "$asked" ] && kill -0 $server 2>/dev/null; }
until serves || ! runs; do
	sleep 0.1
done
if runs; then
	cat <<END

Ready.
SIP server     $host:$port, UDP and TCP, no password
your address   sip:NAME@$host, registered with $host:$port as registrar or outbound proxy
a room         sip:chat-NAME@$host: send it a message #help, or #create
questions      kamcmd -s unix:$dir/ctl imc.list_rooms
end            Ctrl-C

END
fi

code=0
wait $server || code=$?
if [ -n "$asked" ]; then # wait was interrupted: now for the end of Kamailio
	wait $server || true
	exit 0
fi
if [ $code -ne 0 ]; then
	echo "Kamailio ended with an error. Is $host:$port taken? make run PORT=<another one>, HOST=<another address>" >&2
fi
exit $code
