"""Crews in tests: actors that live in this process, one after the other, so that what comes of them is certain."""

from collections import deque

from sorrelsim.experiments.actor import Actor
from sorrelsim.experiments.staff import Outcome


class Here:
    """A staff in this process. ``kill`` says with which outcome which actor is lost; ``room`` whether there is any."""

    def __init__(self, kill=None, room=True):
        self.kill, self.room = dict(kill or {}), room
        self.actors, self.errands, self.work = {}, [], deque()
        self.shared = self.outcomes = self.most = 0

    def hire(self, errand):
        self.work = deque(each for each in self.work if each[0] != errand.number)
        self.actors[errand.number] = Actor()
        self.errands.append(errand)
        if self.room:
            self.work.append((errand.number, errand))

    def ask(self, number, weights, turns):
        self.work.append((number, weights, turns))
        self.most = max(self.most, len(self.work))

    def share(self, weights):
        self.shared += 1
        return weights

    def entrust(self, memory):
        return memory

    def next(self, seconds):
        self.outcomes += 1
        lost = self.kill.pop(self.outcomes, None)
        if lost is not None:
            return Outcome(lost, lost="killed")
        if not self.work:
            return None
        number, *asked = self.work.popleft()
        if len(asked) == 1:
            return Outcome(number, began=self.actors[number].begin(*asked))
        news, *parcels = self.actors[number].play(*asked)
        return Outcome(number, news=news, parcels=parcels)

    def close(self):
        self.actors = {}
