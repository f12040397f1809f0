# One image for every service of docker-compose.yml: web, worker, intake, trainer, beat and migrate.
FROM python:3.11.14-slim-bookworm AS packages
RUN python -m venv /venv
COPY requirements.txt constraints.txt ./
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt

FROM python:3.11.14-slim-bookworm
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DEBUG=0
# Volumes take the owner of the folder they are mounted on, so /app/var must belong to the site's user.
RUN useradd --system --uid 10001 --create-home nestwork && install -d -o nestwork -g nestwork /app/var
COPY --from=packages /venv /venv
WORKDIR /app
COPY . .
# The key lives for this command alone; the settings refuse to start without one. The image holds no secret.
RUN SECRET_KEY=for-collecting-static-files-only VAR_DIR=/tmp/var python manage.py collectstatic --noinput
USER nestwork
EXPOSE 8000
CMD ["gunicorn", "config.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "4"]
