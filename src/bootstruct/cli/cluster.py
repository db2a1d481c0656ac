"""The flags of commands that may ask a model on a Ray cluster."""

import click


class Actors(click.ParamType[tuple[int, ...]]):
    """`8`: so many; `1:8`: from 1 to 8, as the queue needs; `2:`: from 2 to as many as fit."""

    name = "MIN:MAX"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        least, colon, most = str(value).partition(":")
        most = most if colon else least
        if not least.isdecimal() or (most and not most.isdecimal()):
            self.fail(f"{value!r} is neither a number nor MIN:MAX, as in 1:8.", param, ctx)
        return (int(least), int(most)) if most else (int(least),)


ray_address = click.option(
    "--ray-address",
    metavar="ADDRESS",
    help="For ray/ models: HOST:PORT of the cluster, auto, or local. [default: local]",
)
ray_actors = click.option(
    "--ray-actors", type=Actors(), help="For ray/ models: how many actors. [default: 1 to as many as fit]"
)
