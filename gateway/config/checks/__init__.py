"""What only shows when parameters are seen together: a table of small questions to a whole configuration.

A question about a section that is not whole is not asked: what is missing there is known already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gateway.config.checks import access, authentication, files, matching, network, numbers
from gateway.config.draft import Draft
from gateway.config.findings import Finding

CHECKS: tuple[Callable[[Draft], Iterator[Finding]], ...] = (
    numbers.retry_meets_a_stale_record,
    numbers.shortest_wait_is_the_longer,
    numbers.largest_message_never_fits,
    numbers.largest_object_never_fits,
    matching.rule_never_matches,
    matching.sender_rule_never_matches,
    matching.route_never_matches,
    matching.tls_rule_never_matches,
    matching.group_claims_nothing,
    matching.group_claims_everything,
    access.black_list_is_missing,
    access.relay_is_open,
    access.nobody_may_send,
    access.recipients_are_not_known,
    authentication.dmarc_lacks_what_it_rests_on,
    authentication.refusal_is_never_due,
    authentication.seal_is_not_whole,
    files.spam_is_kept_unscanned,
    files.template_is_missing,
    files.certificate_is_unusable,
    files.authorities_are_missing,
    network.listens_twice,
    network.mail_comes_back,
    network.hostname_is_short,
    network.published_security_is_not_asked_for,
    network.recursion_does_not_validate,
    files.directories_are_shared,
    network.updater_lacks_its_source,
    network.processes_are_not_used,
    network.api_is_out_of_reach,
    files.nothing_is_logged,
    matching.value_is_given_twice,
)
