"""Past one machine: the heavy steps as tasks of a Ray cluster, with the results of a single one.

A room of its own: it knows how to cut work into pieces and to put the results together again,
`pipeline.steps` decides whether it is used. Ray is imported only when a cluster is connected to.
"""
