"""OpenTelemetry spans for requests (`--trace`): one per request, by the conventions for generative models.

A span is named `chat MODEL` or `text_completion MODEL`. Its attributes are `gen_ai.operation.name`, `gen_ai.request.model`,
`gen_ai.response.model`, `gen_ai.usage.input_tokens`, `gen_ai.usage.output_tokens`, `gen_ai.response.finish_reasons`,
`gen_ai.request.max_tokens`, `gen_ai.request.temperature`, `error.type`, and our own `bootstruct.step` and `bootstruct.retries`.
Prompts and replies are added only if `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` is `true`.
"""

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Final

from bootstruct.engines.observing.engine import ObservedOutcome
from bootstruct.errors import InputError
from bootstruct.types import Prompt

CONTENT: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
MISSING: Final = "tracing needs the packages of OpenTelemetry; `pip install 'bootstruct[trace]'` installs them."


class RequestTracer:
    """Makes a span of each request, with the tracer provider that the program has set up.

    Raises:
        InputError: the packages of OpenTelemetry are missing.
    """

    def __init__(self) -> None:
        if find_spec("opentelemetry") is None:
            raise InputError(MISSING)
        from opentelemetry import trace

        from bootstruct import __version__

        self._tracer = trace.get_tracer("bootstruct", __version__)
        self._trace = trace
        self._with_content = os.environ.get(CONTENT, "").strip().lower() in ("true", "1", "span_only", "span_and_event")

    def begin(self, prompt: Prompt) -> Any:
        """Begin a span."""
        operation = "chat" if prompt.is_chat else "text_completion"
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": operation,
            "gen_ai.request.model": prompt.model,
            "bootstruct.step": prompt.step,
        }
        sampling = prompt.sampling
        given = {
            "gen_ai.request.max_tokens": sampling.max_tokens,
            "gen_ai.request.temperature": sampling.temperature,
            "gen_ai.request.top_p": sampling.top_p,
        }
        attributes |= {name: value for name, value in given.items() if value is not None}
        if self._with_content:
            messages = [f"{message.role}: {message.content}" for message in prompt.messages] or [prompt.text]
            attributes["gen_ai.input.messages"] = "\n\n".join(messages)
        return self._tracer.start_span(
            f"{operation} {prompt.model}", kind=self._trace.SpanKind.CLIENT, attributes=attributes
        )

    def end(self, begun: Any, outcome: ObservedOutcome) -> None:
        """End the span with the outcome of the request."""
        reply = outcome.reply
        if reply is None:
            begun.set_attribute("error.type", str(outcome.status) if outcome.status else outcome.error)
            begun.set_status(self._trace.Status(self._trace.StatusCode.ERROR, outcome.reason[:500]))
        else:
            begun.set_attribute("gen_ai.response.model", reply.model or outcome.prompt.model)
            begun.set_attribute("gen_ai.response.finish_reasons", [reply.finish])
            begun.set_attribute("gen_ai.usage.input_tokens", reply.prompt_tokens)
            begun.set_attribute("gen_ai.usage.output_tokens", reply.completion_tokens)
            begun.set_attribute("bootstruct.retries", reply.retries)
            if self._with_content:
                begun.set_attribute("gen_ai.output.messages", reply.text)
        begun.end()


def set_up_tracing() -> Callable[[], None]:
    """Send spans as the usual variables say (`OTEL_EXPORTER_OTLP_ENDPOINT` ...), for the command line.

    Returns:
        A function that sends the remaining spans and stops sending; call it at the end.

    Raises:
        InputError: the packages of OpenTelemetry are missing.
    """
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise InputError(MISSING) from None
    os.environ.setdefault("OTEL_SERVICE_NAME", "bootstruct")
    provider = TracerProvider(resource=Resource.create())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    shut_down: Callable[[], None] = provider.shutdown
    return shut_down
