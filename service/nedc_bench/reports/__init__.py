"""Reports of a corpus: NEDC's summary files, the result document, CSV rows, the page and the table for terminals."""

from nedc_bench.reports.document import RESULT_NAME, build_document, write_json
from nedc_bench.reports.events import write_events
from nedc_bench.reports.evidence import EVIDENCE_NAME, build_evidence, evidence_text, format_evidence
from nedc_bench.reports.explanation import explanation_lines
from nedc_bench.reports.files import SUMMARY_NAME, WRITTEN, report_names, whole_file, write_reports
from nedc_bench.reports.long import build_rows, write_csv
from nedc_bench.reports.page import PAGE_NAME
from nedc_bench.reports.table import format_table, format_warnings

__all__ = [
    "EVIDENCE_NAME",
    "PAGE_NAME",
    "RESULT_NAME",
    "SUMMARY_NAME",
    "WRITTEN",
    "build_document",
    "build_evidence",
    "build_rows",
    "evidence_text",
    "explanation_lines",
    "format_evidence",
    "format_table",
    "format_warnings",
    "report_names",
    "whole_file",
    "write_csv",
    "write_events",
    "write_json",
    "write_reports",
]
