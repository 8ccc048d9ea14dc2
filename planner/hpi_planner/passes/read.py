"""read: YAML text → tree of values with places."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hpi_planner.diagnostics.model import Code, Diagnostic, Label, Span, error
from hpi_planner.ir import Ir
from hpi_planner.paddlex import module_file
from hpi_planner.paddlex.pipeline_file import PipelineFile
from hpi_planner.syntax.compose import YamlTextError, compose
from hpi_planner.syntax.tree import Tree
from hpi_planner.syntax.values import resolved

MAX_BYTES = 8 << 20


@dataclass(frozen=True)
class Read:
    """Reads the source.

    Attributes:
        source_name: how spans and messages call it.
        data: its bytes.
    """

    source_name: str
    data: bytes
    name: str = "read"

    def apply(self, ir: Ir) -> Ir:
        """Fill in ``tree``, its form and the text of the source, or say why there is none."""
        if len(self.data) > MAX_BYTES:
            message = f"the file has more than {MAX_BYTES >> 20} MiB; PaddleX's largest pipeline has 11 kB"
            help = "name a pipeline file; sample values of shapes and the like belong in the model's inference.yml"
            return ir.report(error(Code.YAML_TOO_LARGE, message, Label(Span(self.source_name, 1, 1, 1, 1)), help=help))
        try:
            text = self.data.decode("utf-8-sig")
        except UnicodeDecodeError as fault:
            return ir.report(_not_utf8(self.source_name, self.data, fault.start))
        ir = replace(ir, texts={**ir.texts, self.source_name: text})
        try:
            tree, found = compose(self.source_name, text)
        except YamlTextError as fault:
            return ir.report(fault.diagnostic)
        if not isinstance(tree.value, dict):
            kind = "is empty" if tree.value is None else "is not a mapping at its top level"
            return ir.report(
                error(
                    Code.YAML_NOT_A_MAPPING,
                    f"the file {kind}",
                    Label(tree.shadow.span._replace(end_line=tree.shadow.span.line)),
                    help="a pipeline starts with `pipeline_name: OCR`; see `hpi-plan --get-config OCR`",
                )
            )
        value, more = resolved(tree)
        document = module_file.ModuleFile() if module_file.is_one(value) else PipelineFile()
        return replace(ir, tree=Tree(value, tree.shadow), document=document).report(*found, *more)


def _not_utf8(name: str, data: bytes, offset: int) -> Diagnostic:
    line = data.count(b"\n", 0, offset) + 1
    column = offset - data.rfind(b"\n", 0, offset)
    return error(
        Code.YAML_ENCODING,
        f"not UTF-8: the byte 0x{data[offset]:02x} cannot be decoded",
        Label(Span(name, line, column, line, column + 1)),
        help="save the file as UTF-8",
    )
