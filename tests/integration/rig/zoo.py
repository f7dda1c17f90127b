# SPDX-License-Identifier: BSD-2-Clause
"""The zoo: mail servers to be looked at, real ones and broken ones.

    host = zoo.host("expired", tlsa=["3 1 1"])  # m7.zoo.example
    host.script.greeting = b"421 later\\r\\n"     # rig/broken.py
    d = world.domain(mx=[host.name])
    host = zoo.real("exim")                     # started when first wanted

Names below zoo.example are in every certificate that has names.
"""
import glob
import itertools
import os
import subprocess

from rig.broken import KINDS, NAMES, READERS, Herd, Script
from rig.outbound import Host
from rig.postfix import INTERNAL, Postfix, listening
from rig.sendmail import Sendmail
from rig.wait import until

ADDRESSES = {"postfix": "192.0.2.140", "sendmail": "192.0.2.141",
             "exim": "192.0.2.142", "dovecot": "192.0.2.143"}


class ZooPostfix(Postfix):
    address = ADDRESSES["postfix"]
    services = INTERNAL + "".join(
        "%s:%d inet n - n - - smtpd\n%s" % (ADDRESSES["postfix"], port, more)
        for port, more in (
            (25, ""), (587, "  -o smtpd_tls_security_level=encrypt\n"),
            (465, "  -o smtpd_tls_wrappermode=yes\n")))

    def __init__(self, folder, authority, certificate):
        super().__init__(folder, authority, main={
            "myhostname": "postfix.zoo.example",
            "syslog_name": "postfix-zoo",
            "smtpd_tls_chain_files": certificate})


class ZooSendmail(Sendmail):
    address = ADDRESSES["sendmail"]

    def __init__(self, folder, authority, certificate):
        super().__init__(folder, authority)
        self.certificate = certificate
        # It sends one certificate of that file, and those above it if they
        # are in the other.
        self.names["ca"] = authority.bundle()


class Program:
    """A server that stays in the foreground, and its one configuration
    file; {dir}, {address}, {certificate} and {ca} are filled in."""

    ports = ()
    config = ""

    def __init__(self, folder, authority, certificate):
        self.dir = folder
        self.file = os.path.join(folder, "config")
        self.names = {"dir": folder, "address": self.address,
                      "certificate": certificate, "ca": authority.trusted}
        self.process = None

    def prepare(self):
        os.makedirs(self.dir, exist_ok=True)
        with open(self.file, "w") as file:
            file.write(self.config.format(**self.names))
        os.chmod(self.file, 0o644)

    def command(self):
        raise NotImplementedError

    def start(self):
        self.prepare()
        with open(os.path.join(self.dir, "output"), "w") as output:
            self.process = subprocess.Popen(
                **self.command(), stdin=subprocess.DEVNULL, stdout=output,
                stderr=output)
        for port in self.ports:
            until(lambda: self._listens(port), "port %d" % port)

    def _listens(self, port):
        if self.process.poll() is not None:
            with open(os.path.join(self.dir, "output")) as output:
                raise AssertionError(output.read())
        return listening(port, self.address)

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        until(lambda: not any(listening(port, self.address)
                              for port in self.ports), "it has stopped")


class Exim(Program):
    """Debian's, with GnuTLS; unpacked aside (unpack-exim), RIG_EXIM names
    the folder. Without one, that installed on the machine."""

    address = ADDRESSES["exim"]
    ports = (25, 587, 465)
    config = """\
primary_hostname = exim.zoo.example
local_interfaces = {address}
daemon_smtp_ports = 25 : 587 : 465
tls_on_connect_ports = 465
tls_advertise_hosts = *
tls_certificate = {certificate}
tls_privatekey = {certificate}
spool_directory = {dir}/spool
pid_file_path = {dir}/pid
log_file_path = syslog
rfc1413_query_timeout = 0s
"""

    def prepare(self):
        super().prepare()
        spool = os.path.join(self.dir, "spool")
        os.makedirs(spool, exist_ok=True)
        subprocess.run(["chown", "Debian-exim", spool], check=True)

    def command(self):
        root = os.environ.get("RIG_EXIM") or "/"
        program = os.path.join(root, "usr/sbin/exim4")
        assert os.access(program, os.X_OK), (
            "no Exim: run tests/integration/unpack-exim FOLDER, and name "
            "that folder in RIG_EXIM (contrib/quickstart does both)")
        libraries = glob.glob(os.path.join(root, "usr/lib/*-linux-gnu*"))
        return {"args": [program, "-C", self.file, "-bdf", "-oX",
                         " : ".join("%s.%d" % (self.address, port)
                                    for port in self.ports)],
                "env": dict(os.environ, LD_LIBRARY_PATH=":".join(libraries))}


class Dovecot(Program):
    address = ADDRESSES["dovecot"]
    ports = (143, 993, 110, 995)
    config = """\
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
protocols = imap pop3
listen = {address}
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{certificate}
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={dir}
}}
"""

    def command(self):
        return {"args": ["dovecot", "-F", "-c", self.file]}


REAL = {"postfix": ZooPostfix, "sendmail": ZooSendmail, "exim": Exim,
        "dovecot": Dovecot}


class Residents:
    """The real servers, each started when first wanted; for a file of
    tests, and not beside `postfix`, `sendmail` or `receivers`."""

    def __init__(self, folder, world):
        self.folder = folder
        self.world = world
        self.running = {}
        self.certificate = world.authority.leaf("zoo.example", names=NAMES)

    def want(self, name):
        if name not in self.running:
            # A short path, and no word in it that m4 would expand.
            one = REAL[name](os.path.join(self.folder, name[0]),
                             self.world.authority, self.certificate)
            one.start()
            self.running[name] = one
        return self.running[name]

    def stop(self):
        for one in self.running.values():
            one.stop()


class Inmate(Host):
    """The name of one server. `script` is what a broken one follows, and
    `animal` the server; both None for a real one."""

    def __init__(self, world, name, zone, certificate, address, animal=None):
        super().__init__(world, name, zone, certificate)
        self.address = address
        self.animal = animal
        self.script = animal and animal.script


class Zoo:
    """The animals of one test."""

    _numbers = itertools.count(1)

    def __init__(self, world, residents):
        self.world = world
        self.residents = residents
        self.herd = Herd(world.authority)
        self._updates = None

    def stop(self):
        self.herd.stop()

    def _host(self, zone, certificate, address, animal, tlsa):
        name = "m%d.zoo.%s" % (next(self._numbers), zone)
        host = Inmate(self.world, name, zone, certificate, address, animal)
        port = animal.script.port if animal else 25
        self.world.knot.update(zone, [
            "add %s. 60 %s %s" % (name, "AAAA" if ":" in address else "A",
                                  address),
            *("add _%d._tcp.%s. 60 TLSA %s" % (port, name,
                                               host.record(record))
              for record in tlsa)])
        return host

    def animal(self, kind="good", address=None, **changes):
        """A server without a name."""
        how = dict(KINDS.get(kind) or READERS.get(kind) or {}, **changes)
        return self.herd.animal(Script(**how), address)

    def host(self, kind="good", zone="example", tlsa=(), address=None,
             like=None, **changes):
        """A new name for a new server of that kind, with members of its
        script changed, and with TLSA records. like: for the server of that
        host."""
        animal = like.animal if like else self.animal(kind, address,
                                                      **changes)
        return self._host(zone, self.herd.certificate(
            animal.script.certificate), animal.address, animal, tlsa)

    def real(self, name, zone="example", tlsa=()):
        """A new name for a real server."""
        self.residents.want(name)
        return self._host(zone, self.residents.certificate, ADDRESSES[name],
                          None, tlsa)
