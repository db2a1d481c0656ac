# bootstruct in a small image, without root: commands work in /work, which you mount.
#
#   docker build -t bootstruct .
#   docker run --rm -it -v "$PWD:/work" -e OPENAI_API_KEY bootstruct generate runs/first --tasks 100
#
# With the pocket model and finetuning on the CPU (about 1 GB more):
#
#   docker build -t bootstruct:demo --build-arg EXTRAS=local,train,report --build-arg TORCH=torch==2.13.0 .
#   docker run --rm bootstruct:demo demo --out /tmp/demo
ARG PYTHON=3.12
FROM python:${PYTHON}-slim AS build
ARG EXTRAS=parquet,zstd,report
ARG TORCH=
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY src ./src
RUN python -m venv /opt/bootstruct \
    && if [ -n "$TORCH" ]; then /opt/bootstruct/bin/pip install --no-cache-dir --index-url "$TORCH_INDEX" "$TORCH"; fi \
    && /opt/bootstruct/bin/pip install --no-cache-dir -c constraints.txt ".[${EXTRAS}]"

FROM python:${PYTHON}-slim
COPY --from=build /opt/bootstruct /opt/bootstruct
RUN useradd --create-home --uid 1000 bootstruct && mkdir /work && chown bootstruct /work
USER bootstruct
WORKDIR /work
ENV PATH=/opt/bootstruct/bin:$PATH PYTHONUNBUFFERED=1
ENTRYPOINT ["bootstruct"]
CMD ["--help"]
