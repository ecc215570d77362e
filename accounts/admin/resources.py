"""Rows out of the admin and into it, as files (django-import-export): what every such list has in common.

Out: what the list shows, filters and search included, up to a number of rows; never a formula for a spreadsheet; traced in the log.
In: a preview of each difference first, all rows or none, traced in the log. Who may is a permission of each model (`import_…`, `export_…`).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from decimal import Decimal, InvalidOperation
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final
from uuid import uuid4
from zipfile import ZipFile

import tablib
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied, SuspiciousFileOperation, ValidationError
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.fields import NOT_PROVIDED
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from import_export.admin import ExportMixin, ImportMixin
from import_export.fields import Field
from import_export.formats.base_formats import CSV, JSON, XLSX
from import_export.resources import ModelResource
from import_export.results import Result, RowResult
from import_export.tmp_storages import BaseStorage
from import_export.widgets import Widget
from unfold.contrib.import_export.forms import ExportForm

from accounts.admin.display import number
from accounts.admin.read_only import refuse_doubtful
from accounts.looks import note_look
from accounts.models import User
from accounts.staff import tell
from dynprot.spreadsheets import with_formula, without_formula

if TYPE_CHECKING:
    ImportForm = forms.Form
else:
    from unfold.contrib.import_export.forms import ImportForm

ROWS_OUT: Final = 20_000
"""Rows of one export, for anybody: the file is made in memory. More is a backup's business."""
ROWS_IN: Final = 2_000
"""Rows of one import; each is checked and shown with its difference."""
LARGEST_FILE: Final = 4 * 1024 * 1024
"""Bytes of an import."""
LARGEST_BOOK: Final = 50 * 1024 * 1024
"""Bytes that a workbook may have when it is unpacked: it is a ZIP file, and a small one can hold gigabytes."""
COLUMNS_IN: Final = 60
"""Columns of a workbook."""
PEOPLE_NOTED: Final = 20
"""Of so many people a look at a preview is written down one by one; of more, as a look at many people's rows."""
_UPLOAD_NAME = re.compile(r"[0-9a-f]{32}")
UPLOADS_KEPT: Final = 3600
"""Seconds that a file waits for somebody to confirm its preview."""
CONFLICT: Final = 409
SHOWS_A_ROW: Final = (RowResult.IMPORT_TYPE_UPDATE, RowResult.IMPORT_TYPE_SKIP)
"""Lines of a file that stand for a row that is there."""


def _cells(dataset: tablib.Dataset, change: Callable[[Any], Any]) -> tablib.Dataset:
    changed = tablib.Dataset(headers=dataset.headers)
    for row in dataset:
        changed.append([change(cell) for cell in row])
    return changed


# --- Formats -------------------------------------------------------------------------------------------------------------
class Unusable(ValueError):
    """A file that is not read on; the sentence is for people."""


class SafeCSV(CSV):  # type: ignore[misc]  # import-export has no types
    """CSV that no spreadsheet executes. (IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT would only drop a leading `=`, and make all cells text.)"""

    def export_data(self, dataset: tablib.Dataset, **kwargs: Any) -> Any:
        return super().export_data(_cells(dataset, without_formula), **kwargs)

    def create_dataset(self, in_stream: Any, **kwargs: Any) -> tablib.Dataset:
        return _cells(super().create_dataset(in_stream, **kwargs), with_formula)


class SafeXLSX(XLSX):  # type: ignore[misc]
    """A workbook without formulas; numbers are numbers in it. Read no further than an import may be long."""

    def export_data(self, dataset: tablib.Dataset, **kwargs: Any) -> Any:
        return super().export_data(_cells(dataset, without_formula), **kwargs)

    def create_dataset(self, in_stream: bytes) -> tablib.Dataset:
        import openpyxl

        with ZipFile(BytesIO(in_stream)) as packed:
            if sum(part.file_size for part in packed.infolist()) > LARGEST_BOOK:
                raise Unusable(_("Une fois ouvert, le classeur serait trop gros. Rien n'a été lu."))
        book = openpyxl.load_workbook(BytesIO(in_stream), read_only=True, data_only=True)
        try:
            sheet = book.worksheets[0]
            rows = sheet.iter_rows(max_row=ROWS_IN + 2, max_col=COLUMNS_IN + 1, values_only=True)
            headers = [str(cell) for cell in next(rows, ()) if cell is not None]
            if len(headers) > COLUMNS_IN:
                raise Unusable(_("Le classeur a plus de %(most)s colonnes.") % {"most": number(COLUMNS_IN)})
            dataset = tablib.Dataset(headers=headers)
            for row in rows:
                if any(cell is not None for cell in row):
                    filled = [with_formula(cell) for cell in row[: len(headers)]]
                    dataset.append(filled + [None] * (len(headers) - len(filled)))
        finally:
            book.close()
        return dataset


FORMATS: Final = (SafeCSV, SafeXLSX, JSON)
"""JSON is read by programs, which know no formulas: its texts are as they are."""


# --- Cells ---------------------------------------------------------------------------------------------------------------
def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


class Text(Widget):  # type: ignore[misc]
    """Text as it is; an empty cell is NULL."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str | None:
        return None if value is None or value == "" else str(value)


class Amount(Widget):  # type: ignore[misc]
    """A number: 12.5 or 12,5. In a workbook it is one, elsewhere it is written with a point."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Decimal | None:
        if _blank(value):
            return None
        try:
            amount = Decimal(str(value).strip().replace(",", "."))
        except InvalidOperation:
            raise ValueError(_("« %(value)s » n'est pas un nombre.") % {"value": value}) from None
        if not amount.is_finite():
            raise ValueError(_("« %(value)s » n'est pas un nombre.") % {"value": value})
        return amount

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        if value is None:
            return None
        return value if kwargs.get("force_native_type") else str(value)


class Whole(Amount):
    """A number without decimals; never rounded silently."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        amount = super().clean(value, row, **kwargs)
        if amount is None:
            return None
        if amount != amount.to_integral_value() or abs(amount) >= 2**31:
            raise ValueError(_("« %(value)s » n'est pas un nombre entier.") % {"value": value})
        return int(amount)


class Truth(Widget):  # type: ignore[misc]
    """1 or 0; true and false, oui and non are understood, and nothing else is guessed."""

    WORDS: ClassVar = {"1": True, "true": True, "oui": True, "vrai": True, "0": False, "false": False, "non": False}

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> bool:
        if _blank(value):
            return False
        known = self.WORDS.get(str(value).strip().lower())
        if known is None:
            raise ValueError(_("« %(value)s » n'est ni 1 ni 0.") % {"value": value})
        return bool(known)

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return None if value is None else int(value)


class Moment(Widget):  # type: ignore[misc]
    """An instant as ISO 8601 with its zone: 2026-03-10T12:00:00+01:00. Without a zone it would be anybody's guess, so it is refused."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> datetime | None:
        if _blank(value):
            return None
        try:
            instant = value if isinstance(value, datetime) else parse_datetime(str(value).strip())
        except ValueError:
            instant = None
        if instant is None:
            raise ValueError(_("« %(value)s » n'est pas un instant (2026-03-10T12:00:00+01:00).") % {"value": value})
        if instant.tzinfo is None:
            raise ValueError(_("« %(value)s » est sans fuseau : ajoutez-le (+01:00, Z).") % {"value": value})
        return instant

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return str(value.isoformat()) if isinstance(value, datetime) else ""  # not yet known of a new row


class Labels(Widget):  # type: ignore[misc]
    """A list of texts, as JSON."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> list[str]:
        if isinstance(value, list):
            labels = value
        else:
            try:
                labels = [] if _blank(value) else json.loads(str(value))
            except ValueError:
                labels = None
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise ValueError(_('« %(value)s » n\'est pas une liste (en JSON : ["soupe"]).') % {"value": value})
        return labels

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return json.dumps(value or [], ensure_ascii=False)


def column(
    attribute: str, widget: Widget | None = None, *, name: str = "", readonly: bool = False, default: Any = NOT_PROVIDED
) -> Field:
    """A column of a file: `attribute` of the row, under its own name unless told; `default` stands for an empty cell."""
    return Field(
        attribute=attribute, column_name=name or attribute, widget=widget or Text(), readonly=readonly, default=default
    )


# --- Resources ------------------------------------------------------------------------------------------------------------
def refusal(column_name: str, sentence: str) -> ValidationError:
    """A row that is not taken, with the column it is about and why."""
    return ValidationError({column_name: sentence})


class Rows(ModelResource):  # type: ignore[misc]
    """What a file holds of a table. Unchanged rows are skipped and counted; one bad row and nothing is saved."""

    action: ClassVar[str]
    """What the log calls an import: `staff_import_…`."""

    class Meta:
        abstract = True

    def before_import(self, dataset: tablib.Dataset, **kwargs: Any) -> None:
        """Refuses files that could not be theirs; then no row is looked at."""
        known = {field.column_name for field in self.fields.values()}
        strange = [str(header) for header in dataset.headers or () if header not in known]
        if len(dataset) > ROWS_IN:
            dataset.wipe()
            raise ValueError(
                _("Le fichier a plus de %(most)s lignes. Divisez-le : rien n'a été fait.") % {"most": number(ROWS_IN)}
            )
        if strange:
            dataset.wipe()
            raise ValueError(_("Colonnes inconnues : %(names)s.") % {"names": ", ".join(strange)})

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, *, validate_unique: bool = True
    ) -> None:
        """The fields' own rules; those of the table are asked of the table, in `do_instance_save`."""
        errors = dict(import_validation_errors or {})
        try:
            instance.clean_fields(exclude=set(errors) | self.not_checked())
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        if errors:
            raise ValidationError(errors)

    def not_checked(self) -> set[str]:
        """Fields that the database fills, or that are known to be right."""
        return set()

    def do_instance_save(self, instance: Any, is_create: bool) -> None:  # noqa: FBT001 - import-export's signature
        try:
            with transaction.atomic():
                super().do_instance_save(instance, is_create)
        except IntegrityError as error:
            raise ValidationError(self.broken_rule(error)) from error
        except (DatabaseError, ValueError) as error:
            raise ValidationError(_("La base ne peut pas enregistrer cette ligne.")) from error

    def broken_rule(self, error: IntegrityError) -> str:
        """The constraint's own sentence, else its name."""
        diagnosis = getattr(error.__cause__, "diag", None)
        name = getattr(diagnosis, "constraint_name", None) or ""
        for constraint in self._meta.model._meta.constraints:
            if constraint.name == name:
                return str(constraint.get_violation_error_message())
        return _("Une règle de la base le refuse (%(name)s).") % {"name": name}

    def after_import(self, dataset: tablib.Dataset, result: Result, **kwargs: Any) -> None:
        """The trace, in the import's transaction: without it nothing is imported."""
        super().after_import(dataset, result, **kwargs)
        if kwargs.get("dry_run") or result.has_errors() or result.has_validation_errors():
            return
        counts = counts_of(result)
        if not counts["new"] and not counts["updated"]:
            return
        said = {"file": str(kwargs.get("file_name") or "")[:200]}
        table = self._meta.model._meta.db_table
        tell(
            actor=kwargs["user"],
            action=self.action,
            person=None,
            table=table,
            new={**counts, **said},
            request=kwargs.get("request"),
        )
        for person, theirs in self.by_person(result).items():
            tell(
                actor=kwargs["user"],
                action=self.action,
                person=person,
                table=table,
                new={**theirs, **said},
                request=kwargs.get("request"),
            )

    def by_person(self, result: Result) -> Mapping[User, dict[str, int]]:
        """How many rows of whom; nobody's for reference data."""
        return {}


def counts_of(result: Result) -> dict[str, int]:
    """What an import did, in numbers."""
    totals = result.totals
    return {
        "new": totals[RowResult.IMPORT_TYPE_NEW],
        "updated": totals[RowResult.IMPORT_TYPE_UPDATE],
        "skipped": totals[RowResult.IMPORT_TYPE_SKIP],
    }


# --- Uploads between preview and confirmation --------------------------------------------------------------------------------
class PrivateUploads(BaseStorage):  # type: ignore[misc]
    """Keeps a previewed file in a private folder. Only names that it made itself are read, and what nobody confirmed goes after an hour."""

    @staticmethod
    def folder() -> Path:
        """Beside photos and exports, never served."""
        folder = Path(settings.MEDIA_ROOT) / "imports"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def save(self, data: bytes) -> None:
        oldest = time.time() - UPLOADS_KEPT
        for file in self.folder().iterdir():
            with suppress(FileNotFoundError):  # somebody else tidies up at the same time
                if file.stat().st_mtime < oldest:
                    file.unlink()
        self.name = uuid4().hex
        path = self.folder() / self.name
        path.touch(mode=0o600)
        path.write_bytes(data)

    def read(self) -> Any:
        path = self._path()
        return path.read_bytes() if "b" in self.read_mode else path.read_text(encoding=self.encoding or "utf-8-sig")

    def remove(self) -> None:
        self._path().unlink(missing_ok=True)

    def _path(self) -> Path:
        return self._path_of(self.name or "")

    @classmethod
    def _path_of(cls, name: str) -> Path:
        if not _UPLOAD_NAME.fullmatch(name):
            raise SuspiciousFileOperation("not a name of ours")
        return cls.folder() / name

    @classmethod
    @contextmanager
    def claimed(cls, name: str) -> Iterator[str]:
        """The file under a name that only its claimer knows: of two who confirm at once, the second finds nothing (`FileNotFoundError`).

        What is not used up goes back to its name."""
        path, own = cls._path_of(name), uuid4().hex
        path.rename(cls._path_of(own))
        try:
            yield own
        finally:
            with suppress(FileNotFoundError):
                cls._path_of(own).rename(path)


class UploadForm(ImportForm):
    """Refuses files that are too big before they are read."""

    def clean_import_file(self) -> Any:
        file = self.cleaned_data["import_file"]
        if file.size > LARGEST_FILE:
            raise forms.ValidationError(_("Le fichier est trop gros (4 Mo au plus)."))
        return file


# --- Admin ----------------------------------------------------------------------------------------------------------------
class Exports(ExportMixin):  # type: ignore[misc]
    """A list whose rows can be taken out, with its filters and search."""

    formats = FORMATS
    export_form_class = ExportForm
    export_action_name: ClassVar[str] = ""
    """What the log calls it: `staff_export_…`; empty: it is not people's data."""
    person_filter: ClassVar[str] = ""
    """The filter that narrows the list to one person."""
    rows_of_everybody: ClassVar[int] = ROWS_OUT
    """How many rows may go out of people that were not chosen one by one, unless one has all rights."""

    def export_action(self, request: HttpRequest) -> HttpResponse:
        """Says how many rows there would be; too many and nothing is read."""
        refuse_doubtful(request)
        try:
            sentence = self.too_many(request) if self.has_export_permission(request) else ""
        except IncorrectLookupParameters:
            return HttpResponseRedirect("../?e=1")  # as the list itself does
        if sentence:
            context = {**self.admin_site.each_context(request), "title": _("Export"), "opts": self.opts}
            context["refusal"] = sentence
            return TemplateResponse(request, "admin/accounts/too_many_rows.html", context, status=CONFLICT)
        response: HttpResponse = super().export_action(request)
        return response

    def too_many(self, request: HttpRequest) -> str:
        """Why this list is too long to go out; empty when it is not. Counts no further than the limit."""
        most = ROWS_OUT
        narrowed = bool(self.person_filter and request.GET.get(self.person_filter))
        everything = bool(getattr(request.user, "is_superuser", False))
        if self.person_filter and not narrowed and not everything:
            most = self.rows_of_everybody
        rows: QuerySet[Any] = self.get_export_queryset(request)
        if rows.order_by()[: most + 1].count() <= most:
            return ""
        if most < ROWS_OUT:
            return _(
                "Sans personne choisie, %(most)s lignes au plus peuvent être exportées. Filtrez d'abord la liste par personne."
            ) % {"most": number(most)}
        return _(
            "La liste a plus de %(most)s lignes, et un export n'en prend pas davantage. Filtrez-la d'abord ; pour tout prendre, il y a la sauvegarde."
        ) % {"most": number(most)}

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """What the list shows, with all columns of the file in the same query."""
        rows: QuerySet[Any] = super().get_export_queryset(request)
        return self.with_columns(rows)

    def with_columns(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Lists leave big columns out; a file may need them."""
        return rows

    def _do_file_export(
        self, file_format: Any, request: HttpRequest, queryset: QuerySet[Any], export_form: Any = None
    ) -> HttpResponse:
        if self.export_action_name:
            self.leave_trace(request, queryset, file_format.get_extension())
        response: HttpResponse = super()._do_file_export(file_format, request, queryset, export_form=export_form)
        return response

    def get_export_data(self, file_format: Any, request: HttpRequest, queryset: QuerySet[Any], **kwargs: Any) -> Any:
        """Numbers as numbers where the format has them."""
        native = isinstance(file_format, XLSX | JSON)
        data = file_format.export_data(self.get_data_for_export(request, queryset, force_native_type=native, **kwargs))
        encoding = kwargs.get("encoding")
        return data.encode(encoding) if encoding and not file_format.is_binary() else data

    def leave_trace(self, request: HttpRequest, rows: QuerySet[Any], extension: str) -> None:
        """Who took out how many rows, narrowed by which filters (never what was searched for)."""
        chosen = request.GET.get(self.person_filter, "") if self.person_filter else ""
        person = User.objects.filter(pk=chosen).first() if chosen else None
        assert isinstance(request.user, User)
        with transaction.atomic():
            tell(
                actor=request.user,
                action=self.export_action_name,
                person=person,
                table=self.opts.db_table,
                new={
                    "rows": rows.order_by().count(),
                    "format": extension,
                    "filters": sorted(name for name, value in request.GET.items() if value)[:20],
                },
                request=request,
            )


class Imports(ImportMixin):  # type: ignore[misc]
    """A list that rows can be brought into from a file: preview, confirmation, all or nothing."""

    formats = FORMATS
    import_form_class = UploadForm
    tmp_storage_class = PrivateUploads
    skip_admin_log = True  # its rows would repeat what people eat; the trace is in the activity log

    def has_import_permission(self, request: HttpRequest) -> bool:
        """A preview shows what is there now: one must be allowed to see it."""
        return bool(super().has_import_permission(request)) and self.has_view_permission(request)

    def get_import_data_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        """One bad row and nothing is saved: in the preview it is shown, and if it became bad since, it is the same."""
        choices: dict[str, Any] = super().get_import_data_kwargs(**kwargs)
        choices.pop("form", None)
        return {**choices, "rollback_on_validation_errors": True, "retain_instance_in_row_result": True}

    def add_data_read_fail_error_to_form(self, form: forms.Form, e: Exception) -> None:
        """Our own refusals in their own words."""
        if isinstance(e, Unusable):
            form.add_error("import_file", str(e))
        else:
            super().add_data_read_fail_error_to_form(form, e)

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """The preview, once it is written down whose rows it shows."""
        answer: TemplateResponse = super().import_action(request, **kwargs)
        result = (answer.context_data or {}).get("result")
        if result is not None:
            self.note_looks(request, result)
        return answer

    def note_looks(self, request: HttpRequest, result: Result) -> None:
        """Beside a line stands the row that it would change."""
        if not getattr(self, "shows_health_data", False):
            return
        people = {row.instance.user_id for row in result.rows if row.import_type in SHOWS_A_ROW and row.instance}
        alone = len(people) <= PEOPLE_NOTED
        for person in people if alone else (None,):
            note_look(request, person, (str(self.opts.model_name),))

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """What was previewed, now for good, and once. A file that is gone is asked for again."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        try:
            with PrivateUploads.claimed(request.POST.get("import_file_name", "")) as name:
                form: Any = request.POST.copy()
                form["import_file_name"] = name
                request.POST = form
                response: HttpResponse = super().process_import(request, **kwargs)
        except (FileNotFoundError, SuspiciousFileOperation):
            messages.error(
                request,
                _(
                    "Cette demande n'a rien importé : le fichier n'est plus là. S'il vient d'être confirmé, son import est "
                    "déjà fait : regardez la liste. Sinon, envoyez-le une nouvelle fois."
                ),
            )
            return HttpResponseRedirect("../import/")
        return response

    def process_result(self, result: Result, request: HttpRequest) -> HttpResponse:
        if not (result.has_errors() or result.has_validation_errors()):
            response: HttpResponse = super().process_result(result, request)
            return response
        self.note_looks(request, result)
        messages.error(
            request,
            _("Rien n'a été importé : depuis l'aperçu, quelque chose a changé. Voyez les lignes ci-dessous."),
        )
        context = {
            **self.admin_site.each_context(request),
            "title": _("Import"),
            "form": self.get_import_form_class(request)(
                self.get_import_formats(), self.get_import_resource_classes(request)
            ),
            "opts": self.opts,
            "result": result,
            "import_error_display": self.import_error_display,
        }
        return TemplateResponse(request, [self.import_template_name], context, status=CONFLICT)

    def add_success_message(self, result: Result, request: HttpRequest) -> None:
        counts = {name: number(count) for name, count in counts_of(result).items()}
        messages.success(
            request,
            _("Import terminé : %(new)s ajoutés, %(updated)s modifiés, %(skipped)s inchangés.") % counts,
        )


class ImportsExports(Imports, Exports):
    """Both."""

    import_export_change_list_template = "admin/import_export/change_list_import_export.html"


# --- People: out only. Accounts are made and changed by services, never by a file. ---------------------------------------------
class PersonRows(ModelResource):  # type: ignore[misc]
    """What may leave of an account: who they are and what state it is in; never anything of a password."""

    id = column("id")
    email = column("email")
    username = column("username")
    first_name = column("first_name")
    last_name = column("last_name")
    legacy_id = column("legacy_id")
    is_active = column("is_active", Truth())
    email_verified = column("email_verified", Truth())
    is_staff = column("is_staff", Truth())
    created_at = column("created_at", Moment())
    last_login = column("last_login", Moment(), name="last_login_at")

    class Meta:
        model = User
        fields = (
            "id",
            "email",
            "username",
            "first_name",
            "last_name",
            "legacy_id",
            "is_active",
            "email_verified",
            "is_staff",
            "created_at",
            "last_login",
        )


class ExportsPeople(Exports):
    """The look-up of people, as a file."""

    resource_classes = (PersonRows,)
    export_action_name = "staff_export_users"
    import_export_change_list_template = "admin/import_export/change_list_export.html"
