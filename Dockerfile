# The service in a container: docker build -t pixelmend .  (docs/deploy.md says how to run it)
# Nothing is fetched but what constraints.txt names; the weights lie in the package. What runs has no compiler, no pip and
# no rights, needs no shell, and writes nowhere but to /tmp.

FROM python:3.11-slim AS build
WORKDIR /build
RUN ["python", "-m", "venv", "/opt/pixelmend"]
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY src ./src
RUN ["/opt/pixelmend/bin/pip", "install", "--no-cache-dir", "--disable-pip-version-check", \
     "--constraint", "constraints.txt", ".[serve,heic]"]
RUN ["/opt/pixelmend/bin/pip", "uninstall", "--yes", "pip"]

FROM python:3.11-slim
COPY --from=build /opt/pixelmend /opt/pixelmend
ENV PATH=/opt/pixelmend/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TMPDIR=/tmp \
    XDG_CACHE_HOME=/tmp
USER 10001:10001
WORKDIR /tmp
EXPOSE 8400
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8400/healthz', timeout=4)"]
ENTRYPOINT ["pixelmend", "serve", "--host", "0.0.0.0", "--port", "8400", "--log", "json"]
