"""Consent before something is deleted: asked of a person, or given by `--yes`."""

import click

yes = click.option("--yes", is_flag=True, help="Do not ask.")


def agreed(question: str, *, yes: bool) -> bool:
    """Ask a person, unless `yes` answers for them; say so where nothing is done. Raises KeyboardInterrupt."""
    try:
        if yes or click.confirm(question, err=True):
            return True
    except click.Abort as error:  # which stands for an interrupt and for an end of the input
        click.echo("", err=True)
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
    click.echo("Nothing was deleted; --yes answers for you.", err=True)
    return False
