# SPDX-License-Identifier: BSD-2-Clause
"""The proxies that are compared: how each is started, restarted, purged and ended.

Each runs in a directory of its own, with the files of peers/ filled in, on ports of 127.0.0.1, and
never as root.  It is a child of this process and of nobody else, and dies with it.  Who holds
something against one (a restart, a purge of everything) says so through a socket in its directory.
"""

import asyncio
import contextlib
import ctypes
import os
import pwd
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
READY = 30      # seconds for a peer to start
STOP = 15       # seconds for it to end; then it is killed
FILES = 65536   # open files a peer may have, where the system lets it
PR_SET_PDEATHSIG = 1
SECRET = "everything"   # guards Traffic Server's purge, which has to have one

ports_given = set()


def find(program):
    """Where the program is; daemons are in places that are not on everybody's path."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def free_port():
    """A port that nobody listens on and that the kernel gives to nobody who connects: one of its
    own choice could be some client's by the time a proxy is restarted."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
        below = int(f.read().split()[0])
    while True:
        port = random.randrange(max(1024, below // 2), below)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", port))
            if port not in ports_given:
                ports_given.add(port)
                return port


class Proxy:
    """One kind of proxy: what it is called, how it is started, and what can be asked of it."""

    name = program = None
    users = ()          # who runs it if we are root: the first that exists; else as we are
    version_args = ("-v",)
    stop_signal = signal.SIGTERM
    no_purge = None     # why it can't be made to forget everything, if it can't
    ours = False        # has the admin address that the suite knows
    note = None         # what a reader of its figures should know of its configuration

    def templates(self):
        """Pairs of a file in peers/ and where it goes in the peer's directory."""
        raise NotImplementedError

    def command(self, at):
        raise NotImplementedError

    def prepare(self, at):
        """What must be there before each start, besides the templates."""

    async def purge(self, at):
        raise NotImplementedError

    @property
    def word(self):
        return self.name.lower().replace(" ", "")

    def path(self):
        return find(self.program)

    def version(self):
        run = subprocess.run([self.path(), *self.version_args], capture_output=True, text=True,
                             timeout=READY, check=False)
        found = re.search(r"\d+\.\d[\w.]*", run.stdout + run.stderr)
        return found.group().rstrip(".") if found else "?"

    def user(self):
        """The account to run as, or None for our own."""
        if os.geteuid() != 0:
            return None
        for user in self.users:
            with contextlib.suppress(KeyError):
                return pwd.getpwnam(user)
        return None


class Corral(Proxy):
    name, program, version_args = "Corral", "corral", ("--version",)
    ours = True

    def __init__(self, program):
        self.program = program

    def path(self):
        return os.path.abspath(self.program) if os.access(self.program, os.X_OK) else None

    def templates(self):
        return [("corral.yaml", "proxy.yaml")]

    def command(self, at):
        return [self.path(), "-c", at.file("proxy.yaml")]

    async def purge(self, at):
        await request(f"http://127.0.0.1:{at.admin}/purge", "POST", b'{"all":true}',
                      {"Content-Type": "application/json"})


class Nginx(Proxy):
    name, program, users = "nginx", "nginx", ("www-data", "nginx", "nobody")
    stop_signal = signal.SIGQUIT
    note = ("serves what expired while it fetches anew, because its lock does not cover that; "
            "answers 502 to what is past the limit, because its queue is not in the free version")

    def templates(self):
        return [("nginx.conf", "nginx.conf")]

    def command(self, at):
        return [self.path(), "-c", at.file("nginx.conf"), "-p", at.dir,
                "-e", at.file("error.log")]

    async def purge(self, at):
        # The free version has no purge; people delete the files, and it takes that for a miss.
        await asyncio.to_thread(empty, at.file("cache"))


class Varnish(Proxy):
    name, program, users, version_args = "Varnish", "varnishd", ("varnish", "nobody"), ("-V",)
    note = "answers 503 to what is past the limit, because this version has no queue for it"

    def templates(self):
        return [("varnish.vcl", "varnish.vcl")]

    def command(self, at):
        # No heuristics and no grace but the origin's own; what has a validator is kept a minute to
        # be revalidated; threads for all fetches and for all clients that are being answered; and
        # a herd that may not share goes on at once, not in steps of three for each answer.
        parameters = {"default_ttl": 0, "default_grace": 0, "default_keep": 60,
                      "thread_pools": 2, "thread_pool_min": 200, "thread_pool_max": 4000,
                      "thread_queue_limit": 4000, "listen_depth": 4096, "rush_exponent": 1000}
        return [self.path(), "-F", "-n", at.file("work"), "-f", at.file("varnish.vcl"),
                "-a", f"127.0.0.1:{at.port}", "-T", f"127.0.0.1:{at.admin}", "-s", "malloc,256m",
                *(a for k, v in parameters.items() for a in ("-p", f"{k}={v}"))]

    async def purge(self, at):
        await run_command([find("varnishadm"), "-n", at.file("work"),
                           "ban", "obj.status", "!=", "0"])


class Squid(Proxy):
    name, program, users = "Squid", "squid", ("proxy", "squid", "nobody")
    no_purge = "it purges one URL at a time"
    note = "runs without the limit, because its own counts idle connections and refuses the rest"

    def templates(self):
        return [("squid.conf", "squid.conf")]

    def command(self, at):
        return [self.path(), "-N", "-f", at.file("squid.conf")]


class TrafficServer(Proxy):
    name, program, users = "Traffic Server", "traffic_server", ("trafficserver", "ats", "nobody")
    version_args = ("-V",)

    def templates(self):
        return [(f"trafficserver/{f}", f"etc/{f}") for f in
                ("records.config", "limited.config", "remap.config", "storage.config",
                 "ip_allow.yaml")]

    def layout(self):
        """Where the package put what is not ours to move: plugins and error pages."""
        run = subprocess.run([find("traffic_layout"), "info"], capture_output=True, text=True,
                             timeout=READY, check=False)
        return dict(re.findall(r"^(\w+): (.*)$", run.stdout, re.M))

    def prepare(self, at):
        layout = self.layout()
        for name in ("etc", "log", "run", "cache"):
            at.make_dir(name)
        pages = os.path.join(layout.get("SYSCONFDIR", "/etc/trafficserver"), "body_factory")
        if os.path.isdir(pages) and not os.path.lexists(at.file("etc/body_factory")):
            os.symlink(pages, at.file("etc/body_factory"))
        at.write("runroot.yaml", "".join(f"{key}: {value}\n" for key, value in {
            "prefix": at.dir, "exec_prefix": at.dir, "sysconfdir": at.file("etc"),
            "bindir": layout.get("BINDIR", "/usr/bin"), "sbindir": layout.get("BINDIR", "/usr/bin"),
            "libexecdir": layout.get("PLUGINDIR", "/usr/lib/trafficserver/modules"),
            "localstatedir": at.file("run"), "runtimedir": at.file("run"),
            "logdir": at.file("log"), "cachedir": at.file("cache")}.items()))

    def command(self, at):
        return [self.path(), f"--run-root={at.file('runroot.yaml')}"]

    async def purge(self, at):
        for rule in ("", "limited/"):
            await request(f"http://127.0.0.1:{at.port}/{rule}", "PURGE", None,
                          {"X-Purge-All": SECRET})


class HAProxy(Proxy):
    name, program, users = "HAProxy", "haproxy", ("haproxy", "nobody")
    stop_signal = signal.SIGUSR1
    no_purge = "its cache can be listed, but not emptied"
    note = "has a cache and a queue, and does not coalesce"

    def templates(self):
        return [("haproxy.cfg", "haproxy.cfg")]

    def command(self, at):
        return [self.path(), "-db", "-f", at.file("haproxy.cfg")]


async def request(url, method, body, fields):
    """One HTTP request; raises what is not a success."""
    req = urllib.request.Request(url, data=body, headers=fields, method=method)
    await asyncio.to_thread(lambda: urllib.request.urlopen(req, timeout=READY).read())


async def run_command(argv):
    child = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    out, _ = await asyncio.wait_for(child.communicate(), READY)
    if child.returncode != 0:
        raise RuntimeError(f"{argv[0]}: {out.decode('utf-8', 'replace').strip()}")


def empty(directory):
    for root, _, files in os.walk(directory):
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(root, name))


def confine():
    """In a child: it ends when we do, even if we are killed, and may open as many files as the
    system lets it.  Not by a KILL, which nginx's workers would outlive."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Instance:
    """A proxy at work: its directory, its ports and its process."""

    def __init__(self, kind, directory, origin, limit):
        self.kind, self.dir, self.origin, self.limit = kind, directory, origin, limit
        self.port, self.admin = free_port(), free_port()
        self.account = kind.user()
        self.process, self.server, self.busy = None, None, asyncio.Lock()
        self.own(directory)

    def file(self, name):
        return os.path.join(self.dir, name)

    def own(self, path):
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def make_dir(self, name):
        os.makedirs(self.file(name), exist_ok=True)
        self.own(self.file(name))

    def write(self, name, text):
        with open(self.file(name), "w", encoding="utf-8") as f:
            f.write(text)
        self.own(self.file(name))

    def fill(self):
        """Writes its files, with our values in the places of @NAMES@."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        values = {"DIR": self.dir, "PORT": self.port, "ORIGIN": self.origin, "ADMIN": self.admin,
                  "LIMIT": self.limit, "MANY": FILES, "SECRET": SECRET, "NAMES": "@NAMES@",
                  "FILES": FILES if hard in (resource.RLIM_INFINITY, -1) else min(FILES, hard)}
        for source, target in self.kind.templates():
            with open(os.path.join(HERE, "peers", source), encoding="utf-8") as f:
                text = re.sub(r"@([A-Z_]+)@", lambda m: str(values[m.group(1)]), f.read())
            self.make_dir(os.path.dirname(target))
            self.write(target, text)

    async def start(self):
        self.fill()
        self.kind.prepare(self)
        who = {}
        if self.account:
            who = {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}
        # A session of its own, so that what it forked can be ended with it.
        with open(self.file("output"), "ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *self.kind.command(self), cwd=self.dir, stdin=asyncio.subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True, preexec_fn=confine,
                env={**os.environ, "HOME": self.dir, "TMPDIR": self.dir}, **who)
        try:
            await self.ready()
        except BaseException:
            await self.stop()
            raise

    async def ready(self):
        end = time.monotonic() + READY
        while not await self.answers():
            if self.process.returncode is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.kind.name} did not start:\n{self.tail()}")
            # Five programs, of which not all say when they are ready: all one can do is knock.
            await asyncio.sleep(0.05)

    async def answers(self):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    async def stop(self):
        """Ends it as its manual says, and what is left of it after that by force."""
        if self.process is None:
            return
        process, self.process = self.process, None
        if process.returncode is None:
            process.send_signal(self.kind.stop_signal)
            try:
                await asyncio.wait_for(process.wait(), STOP)
            except asyncio.TimeoutError:
                pass
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    def fault(self):
        """What has become of it that nobody asked for, or None."""
        if self.process is None:
            return f"it was not there any more\n{self.tail()}"
        if self.process.returncode is not None:
            return f"it ended by itself with {self.process.returncode}\n{self.tail()}"
        return None

    def tail(self):
        """The end of what it wrote into its logs."""
        lines = []
        for name in ("output", "error.log", "cache.log", "log/diags.log"):
            with contextlib.suppress(OSError):
                with open(self.file(name), encoding="utf-8", errors="replace") as f:
                    lines += f.read().splitlines()[-20:]
        return "\n".join(lines)

    async def obey(self, reader, writer):
        """One wish, a word: answered "ok", or why not."""
        try:
            word = (await reader.readline()).decode().strip()
            async with self.busy:
                if word == "restart":
                    await self.stop()
                    await self.start()
                elif word == "purge":
                    await self.kind.purge(self)
                else:
                    raise RuntimeError(f"no such thing as {word}")
            answer = "ok"
        except (OSError, RuntimeError, asyncio.TimeoutError) as e:
            answer = f"{type(e).__name__}: {e}"
        writer.write(answer.encode())
        writer.close()

    async def __aenter__(self):
        self.server = await asyncio.start_unix_server(self.obey, self.file("control"))
        try:
            await self.start()
        except BaseException:
            self.server.close()
            raise
        return self

    async def __aexit__(self, *_):
        self.server.close()
        async with self.busy:
            await self.stop()


def all_kinds(corral):
    return [Corral(corral), Nginx(), Varnish(), Squid(), TrafficServer(), HAProxy()]


@contextlib.asynccontextmanager
async def running(kind, origin, limit):
    """A proxy of that kind, started in a new directory, which goes when it has ended."""
    with tempfile.TemporaryDirectory(prefix="stampede-", ignore_cleanup_errors=True) as directory:
        os.chmod(directory, 0o755)
        async with contextlib.AsyncExitStack() as stack:
            instance = Instance(kind, directory, origin, limit)
            # Squid looks for the backend when it starts, and refuses its first clients if it finds
            # none; the suite's own is not there yet.
            with contextlib.suppress(OSError):
                stand_in = await asyncio.start_server(lambda _, w: w.close(), "127.0.0.1", origin)
                async with stand_in:
                    await stack.enter_async_context(instance)
            if instance.process is None:
                await stack.enter_async_context(instance)
            yield instance
