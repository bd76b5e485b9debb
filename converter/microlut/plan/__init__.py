"""Lay the network out in memory: execution order, tiles, scratch and arena offsets, to the byte."""

from microlut.plan.goal import Goal, Optimize
from microlut.plan.layout import Plan, Step, make_plan

__all__ = ["Goal", "Optimize", "Plan", "Step", "make_plan"]
