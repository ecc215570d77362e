"""Files made of a person's data."""

from __future__ import annotations

from django.contrib.postgres.functions import RandomUUID, TransactionNow
from django.db import models
from django.utils.translation import gettext_lazy as _

from dynprot.constraints import in_choices
from dynprot.foreign_keys import DATABASE_CASCADE
from dynprot.identifiers import uuid7
from dynprot.indexes import Index


class ExportFormat(models.TextChoices):
    CSV = "csv", _("CSV (Excel)")
    PDF = "pdf", _("PDF")
    JSON = "json", _("JSON")


class ExportStatus(models.TextChoices):
    PENDING = "pending", _("En attente")
    PROCESSING = "processing", _("En cours")
    COMPLETED = "completed", _("Terminé")
    FAILED = "failed", _("Échoué")


class DataExport(models.Model):
    """One export that a person asked for: local days from `date_range_start` to `date_range_end`, both included."""

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey("accounts.User", on_delete=DATABASE_CASCADE, related_name="exports", db_index=False)
    export_format = models.CharField(_("format"), max_length=10, choices=ExportFormat)
    date_range_start = models.DateField(_("du"))
    date_range_end = models.DateField(_("au"))
    include_meals = models.BooleanField(default=True, db_default=True)
    include_favorites = models.BooleanField(default=True, db_default=True)
    include_summary = models.BooleanField(default=True, db_default=True)
    include_personal_info = models.BooleanField(default=True, db_default=True)
    total_records = models.IntegerField(_("lignes"), null=True, blank=True)
    file_size_bytes = models.BigIntegerField(_("taille (octets)"), null=True, blank=True)
    export_status = models.CharField(
        _("état"), max_length=20, choices=ExportStatus, default=ExportStatus.PENDING, db_default=ExportStatus.PENDING
    )
    filename = models.CharField(_("fichier"), max_length=255, null=True, blank=True)  # noqa: DJ001 - nullable in the published schema
    download_url = models.TextField(null=True, blank=True)  # noqa: DJ001 - nullable in the published schema
    expires_at = models.DateTimeField(_("expire le"), null=True, blank=True)
    created_at = models.DateTimeField(_("demandé le"), db_default=TransactionNow(), editable=False)
    completed_at = models.DateTimeField(_("terminé le"), null=True, blank=True)

    class Meta:
        db_table = "data_exports"
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        permissions = [
            ("export_person", "Exporter les données d'une personne"),
        ]
        constraints = [
            in_choices("export_format", ExportFormat, "data_exports_export_format_check"),
            in_choices("export_status", ExportStatus, "data_exports_export_status_check"),
            models.CheckConstraint(
                condition=models.Q(date_range_start__lte=models.F("date_range_end")),
                name="check_export_date_range",
                violation_error_message=_("La période commence après sa fin."),
            ),
        ]
        indexes = [
            # A person's exports, newest first; and the foreign key.
            Index("user", models.F("created_at").desc(), name="idx_data_exports_user_created"),
            # The worker's queue: the few that are not done.
            Index(
                fields=["created_at"],
                name="idx_data_exports_open",
                condition=models.Q(export_status__in=["pending", "processing"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.export_format} {self.date_range_start} – {self.date_range_end}"
