"""A mail server at a port of its own, which is its first line of output. Each further line is a mail, as JSON.

Its arguments are how it encrypts (none, starttls or tls), and the files with its certificate and key.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

security, certificate, key = sys.argv[1:]


class Handler:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        headers = {name.lower(): str(value) for name, value in mail.items()}
        text = mail.get_content()
        print(json.dumps({"recipients": envelope.rcpt_tos, "headers": headers, "text": text}), flush=True)
        return "250 taken over"


def authenticate(server, session, envelope, mechanism, login):
    is_known = (login.login, login.password) == (b"isems", b"s3cret/")
    return AuthResult(success=is_known, handled=False)


async def main():
    context = None
    if security != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    starttls = security == "starttls"

    def protocol():
        return SMTP(
            Handler(),
            hostname="localhost",
            tls_context=context if starttls else None,
            require_starttls=starttls,
            authenticator=authenticate,
            auth_required=security != "none",
            auth_require_tls=starttls,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=context if security == "tls" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
