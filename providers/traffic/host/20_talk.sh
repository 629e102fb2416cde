# Speaking to an address: a Unix socket or HOST:PORT, by the first program that can.

# ADDRESS BYTES: what it answered in F, or false with why in `trouble`.
talk() {
  case $1 in
    /*) talker=$(unixTalker) ;;
    *) talker=$(tcpTalker) ;;
  esac
  if [ -z "$talker" ]; then
    trouble="no program here can speak to $1: install socat (or perl, python3, netcat-openbsd)"
    return 1
  fi
  [ -n "$scratch" ] || scratch=$(mktemp 2>/dev/null) || scratch=/dev/null
  F=$({ printf '%s' "$2" | $talker "$1" 2>&3; say " $?."; } 3>"$scratch")
  code=${F##* }
  F=${F% *}
  [ "$code" != 0. ] || return 0
  trouble=$(tail -n 1 "$scratch")
  trouble="$1: ${trouble:-ended with code ${code%.}}"
  # Who was cut off in the middle of the answer has it, and whoever reads it will see what it lacks.
  [ -n "$F" ]
}

has() { command -v "$1" >/dev/null 2>&1; }

unixTalker() {
  if has socat; then say socatUnix
  elif has perl; then say perlTalk
  elif has python3; then say pythonTalk
  elif nc -h 2>&1 | grep -q -e '-U'; then say ncUnix
  fi
}

tcpTalker() {
  if has socat; then say socatTcp
  elif has perl; then say perlTalk
  elif has python3; then say pythonTalk
  elif has bash; then say bashTcp
  elif has nc; then say ncTcp
  fi
}

# Half a connection that closes early is taken by some for a request that nobody waits for.
socatUnix() { socat -t "$patience" - "UNIX-CONNECT:$1,shut-none"; }
socatTcp() { socat -t "$patience" - "TCP:$1,shut-none"; }
ncUnix() { nc -w "$patience" -U "$1"; }
ncTcp() { splitAddress "$1"; nc -w "$patience" "$host" "$port"; }

bashTcp() {
  splitAddress "$1"
  bash -c 'exec 5<>"/dev/tcp/$1/$2" || exit 1; cat >&5; cat <&5' talk "$host" "$port"
}

splitAddress() {
  port=${1##*:}
  host=${1%:*}
  host=${host#'['}
  host=${host%']'}
}

perlTalk() {
  splitAddress "$1"
  perl -e '
    use Socket;
    my ($path, $host, $port, $patience) = @ARGV;
    local $/; my $request = <STDIN>; my $s;
    $SIG{ALRM} = sub { die "no answer within $patience s\n" };
    alarm $patience;
    if ($path =~ m{^/}) {
      socket($s, AF_UNIX, SOCK_STREAM, 0) && connect($s, sockaddr_un($path)) or die "$!\n";
    } else {
      my ($e, @found) = Socket::getaddrinfo($host, $port, {socktype => SOCK_STREAM});
      die "$e\n" if $e;
      for my $f (@found) {
        last if socket($s, $f->{family}, SOCK_STREAM, 0) && connect($s, $f->{addr});
        close $s; undef $s;
      }
      die "$!\n" unless $s;
    }
    my $at = 0;
    while ($at < length $request) { my $n = syswrite($s, $request, 65536, $at) or die "$!\n"; $at += $n; }
    while (sysread($s, my $piece, 65536)) { print $piece; }
  ' "$1" "$host" "$port" "$patience"
}

pythonTalk() {
  splitAddress "$1"
  python3 -c '
import socket, sys
path, host, port, patience = sys.argv[1:]
unix = path.startswith("/")
s = socket.socket(socket.AF_UNIX) if unix else socket.create_connection((host, int(port)), float(patience))
s.settimeout(float(patience))
unix and s.connect(path)
s.sendall(sys.stdin.buffer.read())
[sys.stdout.buffer.write(piece) for piece in iter(lambda: s.recv(65536), b"")]
' "$1" "$host" "$port" "$patience"
}
