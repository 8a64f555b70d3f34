"""A real Postfix from Debian, as an instance of its own: its files in a folder, a port on loopback."""

from __future__ import annotations

import fcntl
import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port

PROGRAM = Path("/usr/sbin/postfix")


@dataclass(frozen=True, slots=True)
class Postfix:
    """An instance that runs."""

    folder: Path
    port: int
    pid: int  # of its master process

    @property
    def log(self) -> str:
        """What it wrote into its log so far."""
        file = self.folder / "postfix.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def mailbox(self, user: str) -> list[bytes]:
        """The messages that were delivered to a user, in no order."""
        return [path.read_bytes() for path in (self.folder / "mail" / user / "new").glob("*")]


@contextmanager
def private_postfix(parameters: Mapping[str, str]) -> Iterator[Postfix]:
    """An instance with these parameters besides those that keep it to itself."""
    _provide_package()
    with tempfile.TemporaryDirectory(prefix="mailwarden-postfix-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # its processes have accounts of their own
        port = free_port()
        config = _configure(folder, port, parameters)
        _command(config, "start")
        master = int((folder / "queue" / "pid" / "master.pid").read_text())
        try:
            yield Postfix(folder, port, master)
        finally:
            _command(config, "stop")


def mailboxes(users: Mapping[str, str], *domains: str) -> Mapping[str, str]:
    """Parameters of an instance that delivers: the folder of each user by his address, nobody else."""
    known = " ".join(f"{{ {address} = {folder}/ }}" for address, folder in users.items())
    owner = pwd.getpwnam("nobody")
    return {
        "virtual_mailbox_domains": ", ".join(domains),
        "virtual_mailbox_maps": f"inline:{{ {known} }}",
        "virtual_uid_maps": f"static:{owner.pw_uid}",
        "virtual_gid_maps": f"static:{owner.pw_gid}",
    }


def _command(config: Path, verb: str) -> None:
    subprocess.run([PROGRAM, "-c", str(config), verb], check=True, capture_output=True, timeout=60)


def _provide_package() -> None:
    """Install the Debian package without a configuration, so that it starts no server of its own."""
    with Path(tempfile.gettempdir(), "mailwarden-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if PROGRAM.exists():
            return
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        answer = b"postfix postfix/main_mailer_type select No configuration"
        subprocess.run(["debconf-set-selections"], input=answer, check=True)
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", "postfix"]):
            subprocess.run(
                ["apt-get", "-q", *arguments], env=environment, check=True, stdout=subprocess.DEVNULL
            )


def _configure(folder: Path, port: int, parameters: Mapping[str, str]) -> Path:
    config, queue, state, mail = (folder / name for name in ("etc", "queue", "lib", "mail"))
    for path in (config, queue, state, mail):
        path.mkdir()
    for path, account in ((state, "postfix"), (mail, "nobody")):
        owner = pwd.getpwnam(account)
        os.chown(path, owner.pw_uid, owner.pw_gid)
    ours = {
        "compatibility_level": "3.6",
        "queue_directory": str(queue),
        "data_directory": str(state),
        "mail_owner": "postfix",
        "myhostname": "postfix.example",
        "mydestination": "",
        "inet_interfaces": "loopback-only",
        "inet_protocols": "ipv4",
        "mynetworks": "127.0.0.0/8",
        "smtpd_recipient_restrictions": "permit_mynetworks, reject",
        "smtpd_client_connection_count_limit": "0",
        "alias_maps": "",
        "local_recipient_maps": "",
        "local_header_rewrite_clients": "",  # else it mends what clients of this machine send
        "virtual_mailbox_base": str(mail),
        "maillog_file": f"{folder}/postfix.log",
        "maillog_file_prefixes": str(folder),
        "smtp_dns_support_level": "disabled",
        "smtp_host_lookup": "native",
    }
    lines = (f"{name} = {value}\n" for name, value in {**ours, **parameters}.items())
    (config / "main.cf").write_text("".join(lines))
    shipped = Path("/etc/postfix/master.cf")
    source = shipped if shipped.exists() else Path("/usr/share/postfix/master.cf.dist")
    services = [line for line in source.read_text().splitlines() if not line.startswith("smtp      inet")]
    (config / "master.cf").write_text(f"127.0.0.1:{port} inet n - n - - smtpd\n" + "\n".join(services) + "\n")
    return config
