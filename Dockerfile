# One image for every service of docker-compose.yml that is ours. TORCH=cpu has PyTorch without CUDA, which is some
# 5 GB smaller; TORCH=cuda has that of PyPI.
FROM python:3.11.15-slim-trixie AS packages
ARG TORCH=cpu
WORKDIR /build
RUN python -m venv /venv
COPY requirements.txt constraints.txt ./
# Wheels alone: nothing is compiled here, and nothing of a package runs while it is installed.
RUN --mount=type=cache,target=/root/.cache/pip \
    case "$TORCH" in \
      cpu) /venv/bin/pip install --only-binary :all: --no-deps --index-url https://download.pytorch.org/whl/cpu \
        "$(grep -o '^torch==[0-9.]*' requirements.txt)" ;; \
      cuda) ;; \
      *) echo "TORCH: expected cpu or cuda; found '$TORCH'." >&2; exit 1 ;; \
    esac && \
    /venv/bin/pip install --only-binary :all: --disable-pip-version-check -r requirements.txt

FROM python:3.11.15-slim-trixie
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/app/var/numba \
    DEBUG=0
# manage.py backup and restore call PostgreSQL's own pg_dump and pg_restore, of the server's major version or a newer one.
RUN apt-get update && \
    apt-get install --yes --no-install-recommends 'postgresql-client-17=17.*' && \
    rm -rf /var/lib/apt/lists/*
# Volumes take the owner of the folder they are mounted on, so /app/var must belong to the site's user.
RUN groupadd --gid 10001 nestwork && useradd --uid 10001 --gid 10001 --no-create-home nestwork && \
    install -d -o nestwork -g nestwork /app/var
COPY --from=packages /venv /venv
WORKDIR /app
COPY . .
# The key lives for this command alone; the settings refuse to start without one. The image holds no secret.
RUN SECRET_KEY=for-collecting-static-files-only VAR_DIR=/tmp/var python manage.py collectstatic --noinput && \
    python -m compileall -q . && \
    rm -r /tmp/var
USER 10001:10001
EXPOSE 8000
CMD ["python", "-m", "config.serve", "--only", "web", "--host", "0.0.0.0"]
