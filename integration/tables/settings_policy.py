"""The settings that say what is to be: channels, accounts, endings."""

from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from integration.domain.policy import AccountsFor, Deactivation, MissingAccounts
from integration.domain.state import Ending
from integration.tables.choices import ENDINGS, GO_ON, NOT_BEGUN, choices


class ChannelSettings(models.Model):
    """Which channels there are and how they look."""

    name_template = models.CharField(
        _("channel name"),
        max_length=200,
        default="{course}-{group}",
        help_text=_(
            "{course}, {course_fullname}, {course_id}, {group} and {group_id} are filled in. "
            "What Rocket.Chat does not accept in a name is spelled out or becomes a dash."
        ),
    )
    topic_template = models.CharField(
        _("channel topic"),
        max_length=200,
        blank=True,
        default="{group} · {course_fullname}",
        help_text=_("The same placeholders. Leave empty to leave topics alone."),
    )
    description_template = models.CharField(
        _("channel description"),
        max_length=500,
        blank=True,
        default="",
        help_text=_(
            "Rocket.Chat shows it in the information about the channel. The same placeholders. "
            "Leave empty to leave descriptions alone. Rocket.Chat 6.5 or newer."
        ),
    )
    announcement_template = models.CharField(
        _("channel announcement"),
        max_length=500,
        blank=True,
        default="",
        help_text=_(
            "Rocket.Chat shows it as a bar above the messages. The same placeholders. "
            "Leave empty to leave announcements alone. Rocket.Chat 6.5 or newer."
        ),
    )
    private_channels = models.BooleanField(
        _("private channels"),
        default=True,
        help_text=_("Off: new channels are public, everybody in Rocket.Chat can read them."),
    )
    whole_course = models.BooleanField(
        _("a channel for the whole course"),
        default=False,
        help_text=_(
            "In addition to those of its groups: for everybody with an included role "
            "and an active enrolment. When it is switched off, these channels end in "
            "the same way as when a pattern no longer matches."
        ),
    )
    course_name_template = models.CharField(
        _("name of that channel"),
        max_length=200,
        default="{course}",
        help_text=_("{course}, {course_fullname} and {course_id} are filled in."),
    )
    empty_channels = models.BooleanField(
        _("channels for empty groups"),
        default=True,
        help_text=_("Off: a group gets its channel with its first member."),
    )
    hidden_member_lists = models.BooleanField(
        _("groups with hidden members"),
        default=False,
        help_text=_(
            "Also groups whose member list Moodle hides. In a channel, all members see each other."
        ),
    )
    follow_renames = models.BooleanField(
        _("follow renames"), default=True, help_text=_("Channel names follow changes in Moodle.")
    )
    plain_names = models.BooleanField(
        _("plain names"),
        default=True,
        help_text=_(
            "Of names in several languages (multilang) the site's own language is taken, and HTML "
            "entities become their character: R&amp;D is R&D. Patterns still see what Moodle "
            "stores. Off: names are taken as they are stored."
        ),
    )
    adopt_channels = models.BooleanField(
        _("adopt channels of our account"),
        default=False,
        help_text=_(
            "A room that has the wanted name and was created by rcsync's own Rocket.Chat account "
            "is taken over, together with those of its members who belong there."
        ),
    )

    class Meta:
        abstract = True


class AccountSettings(models.Model):
    """Who has an account and what happens to it."""

    accounts_for = models.CharField(
        _("accounts for"),
        max_length=20,
        default=AccountsFor.CHANNEL_MEMBERS,
        choices=choices(
            AccountsFor,
            channel_members=_("People who are in at least one channel"),
            enrolled=_("Everybody enrolled with an included role"),
        ),
    )
    missing_accounts = models.CharField(
        _("missing accounts"),
        max_length=20,
        default=MissingAccounts.CREATE,
        choices=choices(
            MissingAccounts,
            create=_("Create them"),
            link_only=_("Do not create any (LDAP or single sign-on does)"),
        ),
    )
    password_mail = models.BooleanField(
        _("mail to set a password"),
        default=False,
        help_text=_(
            "Everybody for whom rcsync creates an account gets Rocket.Chat's own e-mail "
            "with a link to set a password, once. No e-mail contains a password, and "
            "accounts that existed before get none. Rocket.Chat has to be able to send "
            "e-mail (SMTP) and to let people reset passwords."
        ),
    )
    update_adopted_accounts = models.BooleanField(
        _("update adopted accounts"),
        default=False,
        help_text=_(
            "Name and e-mail of accounts that existed before rcsync follow Moodle too, not only "
            "of those it made."
        ),
    )
    deactivation = models.CharField(
        _("deactivate accounts"),
        max_length=20,
        default=Deactivation.ENROLMENT,
        choices=choices(
            Deactivation,
            never=_("Never"),
            moodle_account=_("When Moodle suspends or deletes the person"),
            enrolment=_("Also when no integrated course has an active enrolment of the person"),
        ),
        help_text=_(
            "Only accounts created by rcsync. It reactivates what it deactivated as "
            "soon as the reason is gone."
        ),
    )
    deactivate_adopted = models.BooleanField(
        _("deactivate adopted accounts too"),
        default=False,
        help_text=_("Also accounts that existed before rcsync."),
    )
    respect_leavers = models.BooleanField(
        _("respect leaving"),
        default=False,
        help_text=_("Do not add people back who left a channel themselves."),
    )
    protected_usernames = models.TextField(
        _("protected accounts"),
        blank=True,
        help_text=_(
            "Rocket.Chat usernames, one per line: never removed or deactivated. "
            "Administrators, bots and rcsync's own account are always protected."
        ),
    )

    class Meta:
        abstract = True


class EndingSettings(models.Model):
    """What happens when the reason for a channel, a membership or an account is gone."""

    on_group_deleted = models.CharField(
        _("group deleted"), max_length=10, choices=ENDINGS, default=Ending.ARCHIVE
    )
    on_pattern_unmatched = models.CharField(
        _("pattern no longer matches"), max_length=10, choices=ENDINGS, default=Ending.KEEP
    )
    on_group_hidden = models.CharField(
        _("group hidden"),
        max_length=10,
        choices=ENDINGS,
        default=Ending.ARCHIVE,
        help_text=_("Moodle no longer shows who is in the group; a channel would show it."),
    )
    on_course_hidden = models.CharField(
        _("course hidden"),
        max_length=10,
        blank=True,
        default="",
        choices=[GO_ON, *ENDINGS],
    )
    on_course_deleted = models.CharField(
        _("course deleted"), max_length=10, choices=ENDINGS, default=Ending.ARCHIVE
    )

    on_course_ended = models.CharField(
        _("course ended"),
        max_length=10,
        blank=True,
        default="",
        choices=[GO_ON, *ENDINGS],
    )
    on_course_not_begun = models.CharField(
        _("course not begun"),
        max_length=10,
        blank=True,
        default="",
        choices=NOT_BEGUN,
        help_text=_(
            "Before the start date of the course only people with a role in the channel can write; "
            "people join and leave as usual. Together with the same choice for an ended course, "
            "channels are read-only outside the course's dates."
        ),
    )
    on_category_hidden = models.CharField(
        _("category hidden"),
        max_length=10,
        blank=True,
        default="",
        choices=[GO_ON, *ENDINGS],
    )
    on_course_removed = models.CharField(
        _("course no longer integrated"), max_length=10, choices=ENDINGS, default=Ending.KEEP
    )
    remove_suspended = models.BooleanField(
        _("remove suspended people from channels"),
        default=True,
        help_text=_(
            "Moodle suspended the person, or does not let them log in. Off: the membership stays."
        ),
    )
    remove_deleted = models.BooleanField(
        _("remove deleted people from channels"),
        default=True,
        help_text=_("Off: people deleted in Moodle stay in the channels."),
    )
    remove_unenrolled = models.BooleanField(
        _("remove unenrolled people from channels"),
        default=True,
        help_text=_(
            "The person has no active enrolment in the course any more. Off: the membership stays."
        ),
    )
    remove_without_role = models.BooleanField(
        _("remove people who lost the role"),
        default=True,
        help_text=_("The person holds no included role any more. Off: the membership stays."),
    )
    deactivate_suspended = models.BooleanField(
        _("deactivate suspended people"),
        default=True,
        help_text=_("Applies if accounts are deactivated at all. Off: the account stays active."),
    )
    deactivate_deleted = models.BooleanField(
        _("deactivate deleted people"),
        default=True,
        help_text=_("Applies if accounts are deactivated at all. Off: the account stays active."),
    )
    deactivate_without_role = models.BooleanField(
        _("deactivate people who lost the role"),
        default=False,
        help_text=_(
            "The person is still enrolled, but holds no included role in any integrated course. "
            "Only where accounts are deactivated without an enrolment too, and decided by runs "
            "over all courses."
        ),
    )
    grace_members = models.PositiveSmallIntegerField(
        _("days of grace for members"),
        default=0,
        validators=[MaxValueValidator(365)],
        help_text=_(
            "How long people stay in a channel after the reason is gone. 0: removed at once."
        ),
    )
    grace_accounts = models.PositiveSmallIntegerField(
        _("days of grace for accounts"),
        default=0,
        validators=[MaxValueValidator(365)],
        help_text=_(
            "How long an account stays active after the reason is gone. 0: deactivated at once."
        ),
    )
    grace_channels = models.PositiveSmallIntegerField(
        _("days of grace for channels"),
        default=0,
        validators=[MaxValueValidator(365)],
        help_text=_("How long a channel continues after its reason is gone. 0: ended at once."),
    )

    class Meta:
        abstract = True
