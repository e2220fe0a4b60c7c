FROM python:3.13.11-slim-trixie AS build
WORKDIR /source
RUN python -m venv --without-pip /opt/codestile
COPY requirements.lock ./
RUN pip --python /opt/codestile/bin/python install --no-cache-dir --no-deps --require-hashes \
    -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY schema schema
COPY db db
COPY metering metering
COPY graph graph
RUN pip --python /opt/codestile/bin/python install --no-cache-dir --no-deps --no-build-isolation . \
    && pip --python /opt/codestile/bin/python uninstall --yes hatchling editables

FROM python:3.13.11-slim-trixie
RUN useradd --system --uid 10001 --home-dir /var/lib/codestile --create-home codestile
COPY --from=build /opt/codestile /opt/codestile
ENV PATH=/opt/codestile/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CODESTILE_DATA=/var/lib/codestile \
    CODESTILE_HOST=0.0.0.0 \
    CODESTILE_PORT=8000 \
    CODESTILE_LOG_FORMAT=json
USER 10001
WORKDIR /var/lib/codestile
VOLUME /var/lib/codestile
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=5s --retries=3 --start-period=180s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=3)"]
ENTRYPOINT ["codestile"]
CMD ["serve"]
