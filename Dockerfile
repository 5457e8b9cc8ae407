# PosterLens for a class: on the CPU, as a user without rights, with the checkpoints that come with it.
#
#   docker build -t posterlens .
#   docker run --rm --read-only --tmpfs /tmp --memory 3g -p 8501:8501 posterlens
#
# Own posters:                   -v /some/posters.zip:/data/posters.zip:ro posterlens --posters /data/posters.zip
# Behind a proxy, below a path:  -e STREAMLIT_SERVER_BASE_URL_PATH=lens posterlens     (the health check reads it, too)
FROM python:3.12-slim

RUN pip install --no-cache-dir uv && useradd --create-home viewer
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY gan gan
COPY xai xai
COPY dashboard dashboard
COPY scripts scripts
COPY checkpoints checkpoints
# --torch-backend cpu: without the gigabytes of CUDA.
RUN uv pip install --system --no-cache --torch-backend cpu --editable ".[web]"

USER viewer
ENV POSTERLENS_CACHE=/tmp/posterlens HOME=/tmp PYTHONDONTWRITEBYTECODE=1
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/${STREAMLIT_SERVER_BASE_URL_PATH:+$STREAMLIT_SERVER_BASE_URL_PATH/}_stcore/health', timeout=4)"
ENTRYPOINT ["posterlens", "dashboard", "--server.address", "0.0.0.0", "--server.port", "8501", "--server.headless", "true"]
