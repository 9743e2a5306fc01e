"""`faceclust review`: a local web page for naming people and answering questions about them.

`guard` decides who may ask, `app` routes, `views` turns the library into JSON, `answers` turns an
answer into one call of the pipeline, `session` holds what lives as long as the page, `server`
listens on the loopback interface. Pages are one template and plain modules in `static`.
"""
