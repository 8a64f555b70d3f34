# One image for each service: docker build --target receiver .
# They run as an unprivileged account on a read-only root; what they write goes to /var/spool/mailwarden,
# /var/lib/mailwarden and /tmp.

FROM python:3.11-slim-bookworm AS environment
WORKDIR /opt/mailwarden
COPY requirements.lock ./
RUN python -m venv .venv \
 && .venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock \
 && .venv/bin/pip uninstall --yes pip

FROM python:3.11-slim-bookworm AS gateway
RUN groupadd --system --gid 10001 mailwarden \
 && useradd --system --uid 10001 --gid mailwarden --no-create-home --home-dir /var/lib/mailwarden mailwarden \
 && install -d -o mailwarden -g mailwarden /var/lib/mailwarden /var/spool/mailwarden
WORKDIR /opt/mailwarden
COPY --from=environment /opt/mailwarden/.venv .venv
COPY gateway gateway
COPY services services
COPY cli cli
COPY deploy/config /etc/mailwarden
ENV PATH=/opt/mailwarden/.venv/bin:$PATH \
    PYTHONPATH=/opt/mailwarden \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MAILWARDEN_HEARTBEAT_FILE=/tmp/heartbeat
# The root is read-only later: byte code is made now.
RUN python -m compileall -q gateway services cli
USER 10001:10001
# What each service tells of itself, once [gateway.metrics] Listen says so.
EXPOSE 9465
VOLUME ["/var/lib/mailwarden", "/var/spool/mailwarden", "/tmp"]
# A service touches this file at every beat of its loop, once it has begun its work.
HEALTHCHECK --interval=20s --timeout=5s --start-period=300s --retries=2 \
    CMD find "$MAILWARDEN_HEARTBEAT_FILE" -mmin -1 | grep -q .

FROM gateway AS receiver
EXPOSE 2525
CMD ["python", "-m", "services.receiver", "-c", "/etc/mailwarden/smtpgw.conf"]

FROM gateway AS antispam
CMD ["python", "-m", "services.antispam", "-c", "/etc/mailwarden/smtpgw.conf"]

FROM gateway AS scanner
CMD ["python", "-m", "services.scanner", "-c", "/etc/mailwarden/smtpgw.conf"]

FROM gateway AS sender
CMD ["python", "-m", "services.sender", "-c", "/etc/mailwarden/smtpgw.conf"]

FROM gateway AS api
EXPOSE 8025
CMD ["python", "-m", "services.api", "-c", "/etc/mailwarden/smtpgw.conf"]
