"""An SMTP server for one test: PyPI's aiosmtpd on a free port, told what to be by a JSON argument.

Prints its port, then one line of JSON for every message it took, and ends when its standard input does.

Settings: tls ("none", "starttls", "implicit"), cert and key (paths), rcpt and data (replies in place of 250),
auth (user and password that must be given), raw (say just this and nothing more; may be empty: a server that hangs).
"""

import asyncio
import email
import email.policy
import json
import logging
import os
import ssl
import sys
import threading
import warnings

from aiosmtpd.smtp import SMTP, AuthResult

# Refused handshakes are part of the tests: no stack traces in their output.
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")


class Handler:
    def __init__(self, settings):
        self.settings = settings

    async def handle_RCPT(self, server, session, envelope, address, options):
        if "rcpt" in self.settings:
            return self.settings["rcpt"].replace("ADDRESS", address)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if "data" in self.settings:
            return self.settings["data"]
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        taken = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None or self.settings["tls"] == "implicit",
            "user": session.auth_data and session.auth_data.decode(),
            "headers": {name.lower(): str(value) for name, value in message.items()},
            "body": message.get_content().replace("\r\n", "\n"),
        }
        print(json.dumps(taken), flush=True)
        return "250 OK queued"


class Raw(asyncio.Protocol):
    def __init__(self, words):
        self.words = words

    def connection_made(self, transport):
        transport.write(self.words.encode())


async def main(settings):
    context = None
    if settings["tls"] != "none":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(settings["cert"], settings["key"])
    starttls = settings["tls"] == "starttls"
    auth = settings.get("auth")

    def authenticate(server, session, envelope, mechanism, data):
        right = [data.login.decode(), data.password.decode()] == auth
        return AuthResult(success=right, handled=False, auth_data=data.login)

    def protocol():
        if "raw" in settings:
            return Raw(settings["raw"])
        return SMTP(
            Handler(settings),
            tls_context=context if starttls else None,
            require_starttls=starttls,
            authenticator=authenticate if auth else None,
            auth_required=bool(auth),
        )

    loop = asyncio.get_running_loop()
    tls = context if settings["tls"] == "implicit" else None
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def end_with_stdin():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_stdin, daemon=True).start()
asyncio.run(main(json.loads(sys.argv[1])))
