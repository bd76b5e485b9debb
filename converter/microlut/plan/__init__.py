"""Lay the network out in memory: execution order, tiles, scratch and arena offsets, to the byte."""

from microlut.plan.curve import Point
from microlut.plan.goal import DEFAULT_CORE, Bank, Goal, Optimize
from microlut.plan.layout import Planner, make_plan
from microlut.plan.plan import Copy, Plan, Step

__all__ = [
    "DEFAULT_CORE",
    "Bank",
    "Copy",
    "Goal",
    "Optimize",
    "Plan",
    "Planner",
    "Point",
    "Step",
    "make_plan",
]
