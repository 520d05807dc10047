"""Which service an incident comes from, over the graph of who depends on whom. Pure.

`find.root_cause` answers for one anomalous service; `regroup.replaces` says whether a new answer
replaces the one that people have been told.
"""
