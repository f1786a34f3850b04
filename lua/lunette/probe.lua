--- probe: how much a frozen representation tells about the labels: a linear classifier, or a vote of neighbours.
return { linear = require("lunette.probe.linear"), knn = require("lunette.probe.knn") }
